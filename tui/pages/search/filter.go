package search

import (
	"strconv"
	"strings"
)

// filterHelp says what a filter can be.
const filterHelp = "gen:3  gen:2-5  rank:1-10  origin:mutation  pinned  1??0-3"

// match is one word of a filter.
type match func(entry) bool

// parseFilter reads the words of a filter; a row has to match them all.
//
//	gen:3, gen:2-5   generations, from 1
//	rank:10          ranks 1 to 10; rank:3-7 those
//	origin:mut       candidates of an origin
//	1??0-3           subnets that begin so; * is any number of blocks
//	pinned           rows in which the text stands
func parseFilter(text string) []match {
	var out []match
	for _, word := range strings.Fields(strings.ToLower(text)) {
		out = append(out, parseWord(word))
	}
	return out
}

func parseWord(word string) match {
	key, value, ok := strings.Cut(word, ":")
	if ok {
		switch key {
		case "gen", "generation":
			if from, to, ok := parseRange(value); ok {
				return func(e entry) bool { g := e.Generation + 1; return !e.waiting && g >= from && g <= to }
			}
		case "rank":
			if from, to, ok := parseRange(value); ok {
				if !strings.Contains(value, "-") {
					from = 1
				}
				return func(e entry) bool { return !e.waiting && e.rank >= from && e.rank <= to }
			}
		case "origin":
			return func(e entry) bool { return strings.HasPrefix(e.Origin, value) }
		}
	}
	if isPattern(word) {
		return func(e entry) bool { return matches(word, e.Subnet) }
	}
	return func(e entry) bool { return strings.Contains(e.text, word) }
}

// parseRange reads "3" or "2-5"; an end that is left out is open.
func parseRange(text string) (from, to int, ok bool) {
	a, b, isRange := strings.Cut(text, "-")
	if !isRange {
		n, err := strconv.Atoi(text)
		return n, n, err == nil
	}
	from, to = 0, 1<<30
	var err error
	if a != "" {
		if from, err = strconv.Atoi(a); err != nil {
			return 0, 0, false
		}
	}
	if b != "" {
		if to, err = strconv.Atoi(b); err != nil {
			return 0, 0, false
		}
	}
	return from, to, a != "" || b != ""
}

// isPattern reports whether a word can only be meant as the beginning of a
// subnet.
func isPattern(word string) bool {
	return strings.Trim(word, "0123456789?*-") == "" && (len(word) > 1 || strings.ContainsAny(word, "?*"))
}

// matches reports whether a subnet begins as a pattern says: ? is any digit, *
// is whatever there is.
func matches(pattern, subnet string) bool {
	for i := range len(pattern) {
		if pattern[i] == '*' {
			rest := strings.TrimLeft(pattern[i:], "*")
			for at := 0; at <= len(subnet); at++ {
				if matches(rest, subnet[at:]) {
					return true
				}
			}
			return false
		}
		if subnet == "" || pattern[i] != subnet[0] && (pattern[i] != '?' || subnet[0] == '-') {
			return false
		}
		subnet = subnet[1:]
	}
	return true
}
