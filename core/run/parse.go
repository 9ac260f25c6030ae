package run

// ParseEntry decodes one line of a journal, as Lines reads it.
func ParseEntry(line string) (Entry, error) { return parseLine([]byte(line)) }
