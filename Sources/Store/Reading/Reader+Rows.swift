import MembusModel

extension Reader {
    /// Every row of every table, as text and in order, for comparing two stores: swept to the same floor they are equal
    /// if one has applied all batches of the other. Without what each notes of its own pace.
    package func rows() throws(Refusal) -> [String: [String]] {
        try read("reading all rows", visible: .max) { snapshot in
            let names = try snapshot.db.texts(
                """
                SELECT name FROM sqlite_schema
                WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'dropped' ORDER BY name
                """)
            var tables: [String: [String]] = [:]
            for name in names { tables[name] = try rows(snapshot.db, of: name) }
            return tables
        }
    }

    private func rows(_ db: Database, of table: String) throws -> [String] {
        let columns = try db.texts("SELECT name FROM pragma_table_info(?)", [table])
        let row = columns.map { "quote(\"\($0)\")" }.joined(separator: " || ', ' || ")
        let paces = [Meta.swept, .sweptAgain, .droppedUpTo, .migrating, .ages]
        let own = paces.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        let shared = table == "meta" ? "WHERE key NOT IN (\(own))" : ""
        return try db.texts("SELECT \(row) FROM \"\(table)\" \(shared) ORDER BY 1")
    }
}

extension Database {
    /// The first column of each row.
    fileprivate func texts(_ sql: String, _ arguments: Arguments = []) throws -> [String] {
        let cursor = try rows(sql, arguments)
        var texts: [String] = []
        while let row = try cursor.next() { texts.append(try row[0]) }
        return texts
    }
}
