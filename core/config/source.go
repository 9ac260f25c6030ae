package config

import "strings"

// source is a TOML text with the place of every key in it, so that errors can
// name lines and overrides can be written without touching comments.
type source struct {
	file     string
	text     string
	sections []section
	entries  []entry
	lines    map[string]int  // of dotted keys and tables, in the text as it was before overrides
	sets     map[string]bool // dotted keys given by an override
}

// section is the part of the text under one table header; the first is what
// stands above all headers.
type section struct {
	path string
	end  int // offset just after the header
}

// entry is one key with its value, also within inline tables.
type entry struct {
	path       string // dotted, with the section's
	section    int
	line       int
	start, end int // offsets of the value
}

// newSource finds the keys of text, which must be valid TOML; none where it is
// nested too deep.
func newSource(file, text string) *source {
	s := &source{file: file, text: text, sets: map[string]bool{}}
	s.scan()
	return s
}

func (s *source) scan() {
	s.sections = []section{{}}
	s.entries = nil
	lines := map[string]int{}
	if s.lines == nil {
		s.lines = lines
	}
	if _, what := nested(s.text); what != "" {
		return
	}
	sc := scanner{text: s.text}
	for sc.skipSpace(); sc.pos < len(s.text); sc.skipSpace() {
		start := sc.pos
		if s.text[sc.pos] == '[' {
			sc.skip("[")
			path := sc.key()
			sc.skip(" \t]")
			s.sections = append(s.sections, section{path: path, end: sc.pos})
			lines[path] = sc.line(start)
		} else {
			at := len(s.sections) - 1
			sc.keyValue(s.sections[at].path, func(e entry) {
				e.section = at
				s.entries = append(s.entries, e)
				lines[e.path] = e.line
			})
		}
		if sc.pos == start {
			sc.pos++
		}
	}
}

// line returns the line of a dotted key, or of the nearest table around it
// that the text has; 0 when there is none.
func (s *source) line(key string) int {
	for key != "" {
		if line, ok := s.lines[key]; ok {
			return line
		}
		key, _ = cutLast(key)
	}
	return 0
}

// put writes key = literal into the text: in place of the value that is there,
// or at the end of the key's table, which is added when there is none.
func (s *source) put(key, literal string) {
	defer s.scan()
	for _, e := range s.entries {
		if e.path == key {
			s.text = s.text[:e.start] + literal + s.text[e.end:]
			return
		}
	}
	for _, e := range s.entries {
		rest, ok := strings.CutPrefix(key, e.path+".")
		if ok && strings.HasPrefix(s.text[e.start:], "{") {
			s.putInline(e, rest+" = "+literal)
			return
		}
	}
	table, name := cutLast(key)
	for i, c := range s.sections {
		if c.path == table && (i > 0 || table == "") {
			s.insertLine(s.sectionEnd(i, ""), name+" = "+literal)
			return
		}
	}
	for i := len(s.entries) - 1; i >= 0; i-- {
		if e := s.entries[i]; strings.HasPrefix(e.path, table+".") {
			rel := strings.TrimPrefix(key, s.sections[e.section].path+".")
			if strings.HasPrefix(table, s.sections[e.section].path) {
				s.insertLine(s.sectionEnd(e.section, table+"."), rel+" = "+literal)
				return
			}
		}
	}
	if s.text != "" && !strings.HasSuffix(s.text, "\n") {
		s.text += "\n"
	}
	s.text += "\n[" + table + "]\n" + name + " = " + literal + "\n"
}

func (s *source) putInline(e entry, line string) {
	body := strings.TrimSpace(s.text[e.start+1 : e.end-1])
	if body == "" {
		s.text = s.text[:e.start] + "{ " + line + " }" + s.text[e.end:]
		return
	}
	s.text = s.text[:e.start+1] + " " + line + ", " + strings.TrimLeft(s.text[e.start+1:], " \t")
}

// sectionEnd is the offset after the last value of section i whose path starts
// with prefix, or after its header.
func (s *source) sectionEnd(i int, prefix string) int {
	end := s.sections[i].end
	for _, e := range s.entries {
		if e.section == i && strings.HasPrefix(e.path, prefix) {
			end = max(end, e.end)
		}
	}
	return end
}

// insertLine adds a line below the one that offset at lies on, or as the first
// line for 0.
func (s *source) insertLine(at int, line string) {
	if at > 0 {
		if nl := strings.IndexByte(s.text[at:], '\n'); nl >= 0 {
			at += nl + 1
		} else {
			s.text += "\n"
			at = len(s.text)
		}
	}
	s.text = s.text[:at] + line + "\n" + s.text[at:]
}

// cutLast parts a dotted key into its table and its last name.
func cutLast(key string) (table, name string) {
	dot := strings.LastIndexByte(key, '.')
	if dot < 0 {
		return "", key
	}
	return key[:dot], key[dot+1:]
}
