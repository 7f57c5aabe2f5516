// Whoever imports `Membus` gets the values it speaks in: records, keys, revisions, tokens, failures.
@_exported import MembusModel
