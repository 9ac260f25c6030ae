package config

// Values are the values of a text's keys as they are written, by dotted key. The
// text has to be TOML.
func Values(text string) map[string]string {
	out := map[string]string{}
	for _, e := range newSource("config", text).entries {
		out[e.path] = text[e.start:e.end]
	}
	return out
}

// LineOf is the line of a key in a text, from 1, or of the table around it where
// the text leaves it out; 0 where neither is there. The text has to be TOML.
func LineOf(text, key string) int { return newSource("config", text).line(key) }
