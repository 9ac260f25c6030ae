package run

import (
	"math"
	"math/bits"
	"strconv"
)

// float is a number as JSON writes it.
func (c *cursor) float() float64 {
	d, n := scanDecimal(c.rest)
	if n == 0 {
		c.bad = true
		return 0
	}
	text := c.rest[:n]
	c.rest = c.rest[n:]
	if x, ok := d.float(); ok {
		return x
	}
	x, err := strconv.ParseFloat(string(text), 64)
	c.bad = c.bad || err != nil
	return x
}

// decimal is mantissa * 10^exponent.
type decimal struct {
	mantissa uint64
	exponent int
	minus    bool
	long     bool // more digits than the mantissa holds
}

// mostDigits always fit into a mantissa.
const mostDigits = 19

// scanDecimal reads a number in JSON's grammar from the front of s, and returns
// its length; 0 where there is none.
func scanDecimal(s []byte) (d decimal, n int) {
	if len(s) > 0 && s[0] == '-' {
		d.minus = true
		n++
	}
	whole := d.digits(s[n:])
	if whole == 0 || whole > 1 && s[n] == '0' {
		return d, 0
	}
	n += whole
	all := whole
	if n < len(s) && s[n] == '.' {
		fraction := d.digits(s[n+1:])
		if fraction == 0 {
			return d, 0
		}
		n += 1 + fraction
		all += fraction
		d.exponent = -fraction
	}
	d.long = all > mostDigits && all-zeros(s) > mostDigits
	if n == len(s) || s[n]|' ' != 'e' {
		return d, n
	}
	n++
	minus := n < len(s) && s[n] == '-'
	if minus || n < len(s) && s[n] == '+' {
		n++
	}
	var e decimal
	power := e.digits(s[n:])
	if power == 0 {
		return d, 0
	}
	if power > 4 {
		d.long = true // ParseFloat says what it is
		return d, n + power
	}
	if minus {
		d.exponent -= int(e.mantissa)
	} else {
		d.exponent += int(e.mantissa)
	}
	return d, n + power
}

// zeros is how many noughts a number begins with, which take no place in a
// mantissa.
func zeros(s []byte) int {
	n := 0
	for _, b := range s {
		switch b {
		case '0':
			n++
		case '-', '.':
		default:
			return n
		}
	}
	return n
}

// digits appends the digits that s begins with and returns how many there are.
func (d *decimal) digits(s []byte) int {
	m := d.mantissa
	for i, b := range s {
		if b -= '0'; b > 9 {
			d.mantissa = m
			return i
		}
		m = 10*m + uint64(b)
	}
	d.mantissa = m
	return len(s)
}

// float is the nearest float64, ties to even, and true where one division of
// whole numbers tells it: that is every number that is not very large, not very
// small, and has up to 19 digits.
func (d decimal) float() (float64, bool) {
	switch {
	case d.long || d.exponent > 0 || d.exponent <= -len(fives):
		return 0, false
	case d.mantissa == 0:
		return math.Copysign(0, sign(d.minus)), true
	}
	// The value is mantissa / 5^-exponent * 2^exponent. Both with their highest
	// bit set; the quotient then has its own there once the dividend is below the
	// divisor.
	divisor := fives[-d.exponent]
	up, down := bits.LeadingZeros64(d.mantissa), bits.LeadingZeros64(divisor)
	hi, lo := d.mantissa<<up, uint64(0)
	divisor <<= down
	exponent := d.exponent + down - up // of two
	if hi >= divisor {
		hi, lo = hi>>1, hi<<63
		exponent++
	}
	q, rest := bits.Div64(hi, lo, divisor) // the value is q * 2^(exponent-64)
	const spare = 64 - 53
	m, cut := q>>spare, q&(1<<spare-1)
	const half = 1 << (spare - 1)
	if cut > half || cut == half && (rest > 0 || m&1 == 1) {
		m++
	}
	return sign(d.minus) * math.Ldexp(float64(m), exponent-64+spare), true
}

func sign(minus bool) float64 {
	if minus {
		return -1
	}
	return 1
}

// fives are the powers of five that fit into 64 bits.
var fives = func() (p [28]uint64) {
	p[0] = 1
	for i := range len(p) - 1 {
		p[i+1] = 5 * p[i]
	}
	return p
}()
