package run

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

// sameFloat wants the bits that encoding/json makes of a text, or no number
// where it sees none.
func sameFloat(t *testing.T, text string) {
	t.Helper()
	c := cursor{rest: []byte(text)}
	got := c.float()
	var want float64
	err := json.Unmarshal([]byte(text), &want)
	if whole := !c.bad && len(c.rest) == 0; whole && err != nil {
		t.Errorf("%q is no number, and was read as %v", text, got)
	} else if whole && math.Float64bits(got) != math.Float64bits(want) {
		t.Errorf("%q is %v (%x), want %v (%x)", text, got, math.Float64bits(got), want, math.Float64bits(want))
	} else if c.bad && err == nil && text != "null" && text == strconv.FormatFloat(want, 'g', -1, 64) {
		t.Errorf("%q was not read", text)
	}
}

func TestFloatsAreTheNearest(t *testing.T) {
	for _, text := range []string{
		"0", "-0", "0.0", "1", "-1", "0.1", "123456789.123456789", "9007199254740993", "9007199254740992.5", "9007199254740993.0",
		"9223372036854775807", "9999999999999999999", "18446744073709551615", "18446744073709551616", "0.9999999999999999999",
		"1e0", "1e-19", "1e-20", "1E+2", "1e22", "1e23", "5e-324", "2e-324", "1e308", "1e309", "1e-99999", "1e99999", "0e99999",
		"1.7976931348623157e308", "0.500000000000000166533453693773481063544750213623046875", "4503599627370496.5", "4503599627370497.5",
		"00", "01", "-", "-01", "1.", ".1", "1e", "1e+", "+1", "1.e1", "", "a", "1.5e-7", "0.0000000000000000001", "-0.1e-3",
	} {
		sameFloat(t, text)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50_000 {
		for _, x := range []float64{
			rng.NormFloat64(), rng.ExpFloat64() * math.Pow(10, float64(rng.IntN(40)-20)), float64(rng.Int64N(1e18)),
			math.Float64frombits(rng.Uint64()), float64(float32(rng.Float64())),
		} {
			if !math.IsNaN(x) && !math.IsInf(x, 0) {
				sameFloat(t, strconv.FormatFloat(x, 'g', -1, 64))
				if t.Failed() {
					return
				}
			}
		}
	}
	for range 100_000 { // halfway between two, and beside it
		m := uint64(1)<<53 | rng.Uint64()>>11
		sameFloat(t, strconv.FormatUint(m<<1|1, 10))
		sameFloat(t, strconv.FormatUint(m, 10)+".5")
	}
}

func FuzzFloat(f *testing.F) {
	f.Add("1.5e-7")
	f.Add("-0.12345678901234567")
	f.Fuzz(sameFloat)
}
