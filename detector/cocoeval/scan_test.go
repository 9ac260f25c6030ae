package cocoeval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

func TestScannerTakesWhatJSONIs(t *testing.T) {
	for _, text := range []string{
		`{}`, `[]`, ` [ 1 , {"a" : null} ] `, `"a\"\\\/\b\f\n\r\tA\u00e9\ud800"`, `-0.5e+10`, `0`, `-0`, `1E9`, `0.00`,
		`true`, `false`, `null`, "\"\x7f\xff\"", `[[[]]]`, `{"":{"":[]}}`, strings.Repeat("[", 900) + strings.Repeat("]", 900),
		`01`, `+1`, `1.`, `.5`, `1e`, `1e+`, `-`, `--1`, `0x1`, `NaN`, `-Infinity`, `nul`, `nulll`, `True`, `"\x"`, `"\u12g4"`, "\"\n\"",
		`"a`, `"a\`, `"\u00`, `[1,]`, `[,1]`, `[1 2]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{1:1}`, `[1}`, `{"a":1]`, `1 1`, `[] ]`, "\ufeff[]", "\x00", "",
	} {
		if err := scanned([]byte(text)); (err == nil) != json.Valid([]byte(text)) {
			t.Errorf("%.60q: %v, and encoding/json says %v", text, err, json.Valid([]byte(text)))
		}
	}
}

// scanned passes over the whole of data, a byte a read at the same time as all
// at once, and gives the error, which must be the same.
func scanned(data []byte) error {
	whole := newScanner(bytes.NewReader(data))
	whole.skip(0)
	whole.ended()
	single := newScanner(iotest.OneByteReader(bytes.NewReader(data)))
	single.skip(0)
	single.ended()
	if a, b := whole.err, single.err; (a == nil) != (b == nil) || a != nil && a.Error() != b.Error() {
		return errors.Join(a, b, errors.New("the error depends on how the file is read"))
	}
	return whole.err
}

func FuzzScanner(f *testing.F) {
	f.Add([]byte(sampleGT))
	f.Add([]byte(` [1,-0.5e+3,"\u00e9\\",{"a":[true,null]}] `))
	f.Add([]byte(`[1e400,01,"`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := scanned(data); (err == nil) != json.Valid(data) && !strings.Contains(err.Error(), "within each other") {
			t.Errorf("%v, and encoding/json says %v", err, json.Valid(data))
		}
	})
}

func TestScannerBounds(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"depth", strings.Repeat("[", 2000), "more than 1000 arrays and objects within each other, at byte 1001"},
		{"number", "[" + strings.Repeat("1", 1<<13), "a number of more than 4096 bytes, at byte 1"},
		{"control", "[\x1b", "found the byte 0x1b"},
		{"text", "\"\x01", "the byte 0x01 within a text, at byte 1"},
		{"cut", `["a`, "ends in the middle"},
		{"cut number", `[12`, "ends in the middle"},
		{"cut word", `[nul`, "ends in the middle"},
		{"infinite", `[-Infinity]`, "NaN or Infinity for a number, at byte 2"},
	} {
		if err := scanned([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", tt.name, err, tt.want)
		}
	}
	s := newScanner(strings.NewReader(`{"` + strings.Repeat("k", maxText) + `":1}`))
	s.object(func([]byte) { s.skip(1) })
	if s.err == nil || !strings.Contains(s.err.Error(), "a text of more than 65536 bytes") {
		t.Errorf("a long key: %v", s.err)
	}
	broken := errors.New("broken disk")
	s = newScanner(io.MultiReader(strings.NewReader("[1,"), iotest.ErrReader(broken)))
	s.skip(0)
	if !errors.Is(s.err, broken) {
		t.Errorf("a broken disk: %v", s.err)
	}
}

// TestScannerHoldsLittle passes over much more than a scanner holds.
func TestScannerHoldsLittle(t *testing.T) {
	row := `{"a":"` + strings.Repeat("x", 6*bufferSize) + `","b":[` + strings.Repeat("1.5,", 6*bufferSize) + `2]},`
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s := newScanner(io.MultiReader(strings.NewReader("["), strings.NewReader(row), strings.NewReader(row), strings.NewReader("0]")))
	s.skip(0)
	s.ended()
	runtime.ReadMemStats(&after)
	if s.err != nil {
		t.Fatal(s.err)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 4*bufferSize {
		t.Errorf("%d bytes for %d that were passed over", allocated, 2*len(row))
	}
}

func TestFloats(t *testing.T) {
	for _, text := range []string{
		"0", "-0", "1", "0.1", "-258.15", "0.30000000000000004", "9007199254740992", "9007199254740993", "9007199254740994.0",
		"0.0000000000000000001", "0.0000000000000000000", "-9999999999999999999", "0.9999999999999999999", "18014398509481985", "9007199254740993.5", "1.8014398509481984001",
		"299.5917663574219", "0.5815106630325317", "4503599627370497.5", "4503599627370498.5", "4503599627370497.501", "0.8507059173023462", "123456789012345678901234567890", "1e22", "1e23", "5e-324", "1e-400", "1.7976931348623157e308",
		"0.9007199254740993", "8.41", "1E+2", "00000", "0.000000000000000000000000000001", "4.35", "179769313486231570000000000000",
	} {
		checkFloat(t, text)
	}
	s := newScanner(strings.NewReader("[1e400]"))
	s.array(func(int) { s.float() })
	if s.err == nil || !strings.Contains(s.err.Error(), "1e400 is more than a float64 holds, at byte 1") {
		t.Errorf("1e400: %v", s.err)
	}
}

// checkFloat compares a number with encoding/json's reading of it, to the bit.
func checkFloat(t *testing.T, text string) {
	t.Helper()
	var want float64
	wantErr := json.Unmarshal([]byte(text), &want)
	s := newScanner(strings.NewReader(text + " "))
	got := s.float()
	s.ended()
	if (s.err == nil) != (wantErr == nil) || wantErr == nil && math.Float64bits(got) != math.Float64bits(want) {
		t.Errorf("%q is %v (%v), want %v (%v)", text, got, s.err, want, wantErr)
	}
}

func TestQuotientsRoundOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 100_000 {
		a, k := r.Uint64()>>r.IntN(64), r.IntN(len(powers))
		if r.IntN(3) == 0 { // half way between two float64s
			a = (1<<53+r.Uint64N(1<<53))<<1 + 1
			k = r.IntN(2)
		}
		want, err := strconv.ParseFloat(fmt.Sprintf("%de-%d", a, k), 64)
		if got := quotient(a, powers[k]); err != nil || got != want {
			t.Fatalf("%d / 10^%d is %v, want %v (%v)", a, k, got, want, err)
		}
	}
}

func FuzzFloat(f *testing.F) {
	f.Add(0.1, uint8(3))
	f.Add(-9007199254740993.0, uint8(17))
	f.Fuzz(func(t *testing.T, v float64, digits uint8) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return
		}
		for _, format := range []byte("efg") {
			checkFloat(t, strconv.FormatFloat(v, format, int(digits%40), 64))
			checkFloat(t, strconv.FormatFloat(v, format, -1, 64))
		}
	})
}

func TestWholes(t *testing.T) {
	for text, want := range map[string]int{
		"0": 0, "-0": 0, "7": 7, "-12": -12, "7.0": 7, "1e3": 1000, "9007199254740993": 9007199254740993,
		"9223372036854775807": math.MaxInt, "-9223372036854775807": -math.MaxInt, "900719925474099.20e1": 9007199254740992,
	} {
		s := newScanner(strings.NewReader(text + " "))
		if got := s.whole(); got != want || s.err != nil {
			t.Errorf("%s is %d (%v), want %d", text, got, s.err, want)
		}
	}
	for _, text := range []string{"1.5", "9223372036854775808", "1e300", "1e-1", "1e400"} {
		s := newScanner(strings.NewReader(text + " "))
		if got := s.whole(); s.err == nil || !strings.HasPrefix(s.err.Error(), text+" is not a whole number") {
			t.Errorf("%s is %d (%v)", text, got, s.err)
		}
	}
}
