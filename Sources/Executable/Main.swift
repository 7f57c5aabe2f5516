import MembusCommand

@main
enum Main {
    static func main() async {
        Entry.prepare()
        await Entry.main()
    }
}
