package run

import "math"

// cursor goes through a line. Where the line is not as it should be it goes bad
// and stays so.
type cursor struct {
	rest []byte
	bad  bool
}

// has goes past s if it is next.
func (c *cursor) has(s string) bool {
	if len(c.rest) < len(s) || string(c.rest[:len(s)]) != s {
		return false
	}
	c.rest = c.rest[len(s):]
	return true
}

// skip goes past s, which must be next.
func (c *cursor) skip(s string) {
	if !c.has(s) {
		c.bad = true
	}
}

// text is a string of plain ASCII without escapes.
func (c *cursor) text() []byte {
	if c.bad || len(c.rest) == 0 || c.rest[0] != '"' {
		c.bad = true
		return nil
	}
	for i, b := range c.rest[1:] {
		switch {
		case b == '"':
			s := c.rest[1 : i+1]
			c.rest = c.rest[i+2:]
			return s
		case b < ' ' || b > '~' || b == '\\':
			c.bad = true
			return nil
		}
	}
	c.bad = true
	return nil
}

// int is a whole number of at most 18 digits.
func (c *cursor) int() int64 {
	s := c.rest
	minus := len(s) > 0 && s[0] == '-'
	if minus {
		s = s[1:]
	}
	n := run(s)
	if n == 0 || n > 18 || n > 1 && s[0] == '0' || len(s) > n && (s[n] == '.' || s[n]|' ' == 'e') {
		c.bad = true
		return 0
	}
	x, _ := digits(s[:n])
	c.rest = s[n:]
	if minus {
		return -x
	}
	return x
}

// run is how many digits s begins with.
func run(s []byte) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// value is a number of Values.
func (c *cursor) value() float64 {
	switch {
	case len(c.rest) > 0 && c.rest[0] != '"':
		return c.float()
	case c.has(`"NaN"`):
		return math.NaN()
	case c.has(`"+Inf"`):
		return math.Inf(1)
	case c.has(`"-Inf"`):
		return math.Inf(-1)
	}
	c.bad = true
	return 0
}
