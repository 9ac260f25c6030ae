package cocoeval

import (
	"math"
	"math/bits"
	"strconv"
)

// number is a JSON number as it stands in a file.
type number struct {
	token    []byte
	negative bool
	mantissa uint64 // its digits without the point, where they are at most maxDigits
	digits   int
	decimals int // digits after the point
	exponent bool
}

// maxDigits is how many decimal digits every uint64 holds.
const maxDigits = 19

// number takes a number, good until the next call.
func (s *scanner) number() (n number) {
	s.next()
	for s.err == nil {
		ok := n.parse(s.buf[s.at:s.end])
		switch {
		case len(n.token) > maxNumber:
			s.fail("a number of more than %d bytes", maxNumber)
		case s.at+len(n.token) == s.end && s.more(): // it may go on
		case ok:
			s.at += len(n.token)
			return n
		default:
			s.noNumber(n.token)
		}
	}
	return number{}
}

// noNumber fails at a number that is none after the bytes begun.
func (s *scanner) noNumber(begun []byte) {
	s.at += len(begun)
	switch {
	case s.at == s.end:
		s.cut()
	case len(begun) == 0:
		s.unexpected("a number")
	default:
		s.unexpected("the digits of a number")
	}
}

// parse reads the number that b begins with and tells whether there is one. The
// token is as much of b as can be part of a number.
func (n *number) parse(b []byte) bool {
	*n = number{}
	i := 0
	if len(b) > 0 && b[0] == '-' {
		n.negative, i = true, 1
	}
	from := i
	i = n.take(b, i)
	ok := i > from
	if ok && b[from] == '0' { // and what follows a 0 is not part of it
		n.mantissa, n.digits, i = 0, 0, from+1
	}
	if ok && i < len(b) && b[i] == '.' {
		from = i + 1
		i = n.take(b, from)
		n.decimals, ok = i-from, i > from
	}
	if ok && i < len(b) && b[i]|0x20 == 'e' {
		n.exponent = true
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		from = i
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		ok = i > from
	}
	n.token = b[:i]
	return ok
}

// take reads the digits of b from i on and gives the place after them.
func (n *number) take(b []byte, i int) int {
	for ; i < len(b); i++ {
		d := b[i] - '0'
		if d > 9 {
			break
		}
		n.mantissa = n.mantissa*10 + uint64(d)
		n.digits++
	}
	return i
}

// float takes a number.
func (s *scanner) float() float64 {
	n := s.number()
	if n.digits <= maxDigits && !n.exponent {
		v := quotient(n.mantissa, powers[n.decimals])
		if n.negative {
			return -v
		}
		return v
	}
	v, err := strconv.ParseFloat(string(n.token), 64)
	if err != nil {
		s.failAt(n, "%.40s is more than a float64 holds")
	}
	return v
}

// powers of ten that a uint64 holds.
var powers = func() (p [maxDigits + 1]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = 10 * p[i-1]
	}
	return p
}()

// quotient is a / b as a float64, rounded once, to the nearest or the even one of
// two. A number of up to 19 digits is such a quotient. strconv takes several
// times as long for the 17 digits of what was a float32.
func quotient(a, b uint64) float64 {
	if a == 0 || a < 1<<53 && b < 1<<53 { // float64s hold both, and divide just so
		return float64(a) / float64(b)
	}
	up, down := bits.LeadingZeros64(a), bits.LeadingZeros64(b)
	a <<= up
	b <<= down
	q, rest := bits.Div64(a>>1, a<<63, b) // a / b times 2^63, between 2^62 and 2^64
	drop := bits.Len64(q) - 53
	half, low := uint64(1)<<(drop-1), q&(1<<drop-1)
	q >>= drop
	if low > half || low == half && (rest > 0 || q&1 == 1) {
		q++
	}
	return math.Ldexp(float64(q), drop-63+down-up)
}

// whole takes a whole number. One written as 7.0 is taken, as some tools write
// ids that way.
func (s *scanner) whole() int {
	n := s.number()
	if n.digits < maxDigits && n.decimals == 0 && !n.exponent {
		v := int(n.mantissa)
		if n.negative {
			return -v
		}
		return v
	}
	if v, err := strconv.ParseInt(string(n.token), 10, 64); err == nil {
		return int(v)
	}
	v, err := strconv.ParseFloat(string(n.token), 64)
	if err != nil || v != math.Trunc(v) || math.Abs(v) > 1<<53 {
		s.failAt(n, "%.40s is not a whole number of 64 bits")
		return 0
	}
	return int(v)
}

// failAt fails at the number that was taken last.
func (s *scanner) failAt(n number, format string, args ...any) {
	s.at -= len(n.token)
	s.fail(format, append(args, n.token)...)
}

// flag takes a truth value, which files write as false and true or as 0 and 1.
// A null is false.
func (s *scanner) flag(name string) bool {
	switch s.next() {
	case 't':
		s.literal("true")
		return true
	case 'f':
		s.literal("false")
		return false
	case 'n':
		s.literal("null")
		return false
	case '"':
		s.fail("%s is %.40q, want 0 or 1", name, s.text())
		return false
	}
	n := s.number()
	switch string(n.token) {
	case "1", "1.0":
		return true
	case "0", "0.0":
		return false
	}
	s.failAt(n, "%s is %.40s, want 0 or 1", name)
	return false
}
