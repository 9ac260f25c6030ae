package run

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"detnas/core/input/inputtest"
)

// frequent are events of the kinds that are decoded fast, with what is usual and
// what is rare in them.
func frequent() []Event {
	return []Event{
		Train{},
		Train{Step: 2, Iteration: 7, LR: 1e-3, Losses: Values{"loss": 0.1, "rpn_cls": math.Inf(1)}, ImagesPerS: 3.5, DataS: 0.01, StepS: 0.2},
		Train{Step: 2, Iteration: 8, LR: 1e-300, Losses: Values{"loss": math.NaN(), "rpn_box": math.Inf(-1)}, ImagesPerS: 1e21, StepS: math.Copysign(0, -1)},
		Train{Step: -1, Iteration: math.MaxInt, LR: math.MaxFloat64, Losses: Values{}, DataS: math.SmallestNonzeroFloat64},
		Train{Losses: Values{"ärger": 1, "with \"quotes\"": 2, "": 3, "a\nb": 4, "<&>": 5}},
		Candidate{Index: 3, Generation: 1, Origin: "mutation", Parents: []int{1, 2}, Subnet: "01-10", Params: 5, MACs: 6, Score: 0.3, Seconds: 2.5, Status: "new"},
		Candidate{Origin: "random", Parents: []int{0}, Score: -1, Status: "known", Planned: 40},
		Candidate{Parents: []int{}, Subnet: "\x7f", Params: math.MinInt64},
		Usage{CPU: 1.5, Memory: 1 << 30},
		Usage{CPU: 1e-7, Memory: 1, GPU: 0.5, GPUBytes: 1 << 40},
		Usage{GPUBytes: 3},
	}
}

func line(t testing.TB, seq int64, e Event) []byte {
	t.Helper()
	b, err := appendLine(nil, seq, time.Date(2026, 11, 24, 12, 56, 41, 183_337_508, time.UTC).Add(time.Duration(seq)*time.Second/7), e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// equals compares entries, in which NaN equals itself and times are the same in
// every bit.
var equals = []cmp.Option{cmpopts.EquateNaNs(), cmp.Comparer(func(a, b time.Time) bool { return a == b })} //nolint:staticcheck // more than Equal

// agree wants the fast decoder to say of a line what encoding/json says, or
// nothing.
func agree(t *testing.T, d *decoder, line []byte) (fast bool) {
	t.Helper()
	got, ok := d.fast(line)
	if !ok {
		return false
	}
	want, err := parseLine(line)
	if err != nil {
		t.Fatalf("%q was decoded; it is %v", line, err)
	}
	if diff := cmp.Diff(want, got, equals...); diff != "" {
		t.Fatalf("%q (-want +got)\n%s", line, diff)
	}
	return true
}

func TestFastDecodingIsTheSlowOne(t *testing.T) {
	var d decoder
	for i, e := range frequent() {
		agree(t, &d, line(t, int64(i+1), e))
	}
	for _, at := range []time.Time{
		time.Unix(0, 0), time.Date(2026, 2, 28, 23, 59, 59, 999_999_999, time.UTC), time.Date(2028, 2, 29, 0, 0, 0, 1, time.UTC),
		time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", 3600)),
	} {
		b, err := appendLine(nil, 1, at, Usage{})
		if err != nil {
			t.Fatal(err)
		}
		if !agree(t, &d, b) {
			t.Errorf("%s was not decoded", b)
		}
	}
}

// TestUsualLinesAreDecodedFast keeps the two writers of lines, the event's
// fields and this decoder, from growing apart.
func TestUsualLinesAreDecodedFast(t *testing.T) {
	var d decoder
	for _, i := range []int{1, 2, 5, 6, 8, 9, 10} {
		if l := line(t, 1, frequent()[i]); !agree(t, &d, l) {
			t.Errorf("left to encoding/json: %s", l)
		}
	}
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 1))
		if l := line(t, rng.Int64N(1e12)+1, someTrain(rng)); !agree(t, &d, l) {
			t.Fatalf("left to encoding/json: %s", l)
		}
	}
}

func someTrain(rng *rand.Rand) Train {
	f := func() float64 { return rng.NormFloat64() * math.Pow(10, float64(rng.IntN(60)-30)) }
	return Train{
		Step: 2, Iteration: rng.IntN(1e6), LR: f(), ImagesPerS: f(), DataS: f(), StepS: f(),
		Losses: Values{"loss": f(), "rpn_cls": f(), "rpn_box": f(), "cls": f(), "box": f()},
	}
}

// TestUnusualLinesAreLeftAlone lists lines that are valid, or nearly, and mean
// something else than they seem to.
func TestUnusualLinesAreLeftAlone(t *testing.T) {
	const good = `{"v":1,"seq":1,"time":"2026-01-02T03:04:05.5Z","type":"usage","cpu":1.5,"memory":7}` + "\n"
	var d decoder
	if !agree(t, &d, []byte(good)) {
		t.Fatal("a usual line was left alone")
	}
	for _, change := range [][2]string{
		{`"v":1`, `"v":2`},
		{`"v":1`, `"v":01`},
		{`"seq":1`, `"seq":0`},
		{`"seq":1`, `"seq":-1`},
		{`"seq":1`, `"seq":1.0`},
		{`"seq":1`, `"seq":1e0`},
		{`"seq":1`, `"seq":9223372036854775808`},
		{`"seq":1`, `"seq":01`},
		{`"seq":1`, `"seq":null`},
		{`05.5Z`, `05.5+01:00`},
		{`05.5Z`, `60Z`},
		{`05.5Z`, `05.Z`},
		{`05.5Z`, `05,5Z`},
		{`05.5Z`, `05.1234567891Z`},
		{`01-02`, `02-30`},
		{`01-02`, `1-02`},
		{`T03`, ` 03`},
		{`T03`, `T24`},
		{`05.5Z`, `5Z`},
		{`05.5Z`, `05.5`},
		{`2026-`, `+026-`},
		{`1.5`, `1.`},
		{`1.5`, `.5`},
		{`1.5`, `+1.5`},
		{`1.5`, `01.5`},
		{`1.5`, `0x1p-2`},
		{`1.5`, `1_5`},
		{`1.5`, `1e`},
		{`1.5`, `1e999`},
		{`1.5`, `Inf`},
		{`1.5`, `NaN`},
		{`1.5`, `"NaN"`},
		{`1.5`, `null`},
		{`1.5`, `1.5 `},
		{`1.5`, `-`},
		{`"memory":7`, `"memory":7.0`},
		{`"memory":7`, `"memory":7,"memory":8`},
		{`"memory":7`, `"Memory":7`},
		{`"memory":7`, `"memory":7,"more":1`},
		{`,"memory":7`, ``},
		{"}\n", "}"},
		{"}\n", "}\r\n"},
		{"}\n", " }\n"},
		{"}\n", "}}\n"},
		{"}\n", "\n"},
		{`"usage","cpu":1.5,"memory":7`, `"train","step":6,"iteration":1,"lr":0,"losses":{},"images_per_s":0,"data_s":0,"step_s":0`},
		{`usage`, `us\u0061ge`},
		{`usage`, `usages`},
	} {
		line := strings.Replace(good, change[0], change[1], 1)
		if line == good {
			t.Fatalf("%v changes nothing", change)
		}
		if _, ok := d.fast([]byte(line)); ok {
			t.Errorf("%s was decoded", line)
		}
	}
}

// TestDecoderForgetsLongNames wants what a decoder remembers to be small whatever
// it is given.
func TestDecoderForgetsLongNames(t *testing.T) {
	var d decoder
	before := heap()
	for i := range 40 {
		name := strings.Repeat("x", 100_000) + fmt.Sprint(i)
		for _, e := range []Event{Train{Losses: Values{name: 1}}, Candidate{Origin: name}} {
			if _, ok := d.fast(line(t, 1, e)); !ok {
				t.Fatal("a usual line was left alone")
			}
		}
	}
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("the decoder holds %d bytes", grown)
	}
	runtime.KeepAlive(&d)
}

// TestDecodingIsInProportion wants what a line is decoded into to be bounded by its
// bytes, and twice as long a line to take twice as much.
func TestDecodingIsInProportion(t *testing.T) {
	head := `{"v":1,"seq":1,"time":"2026-01-02T03:04:05Z","type":`
	for name, text := range map[string]func(n int) string{
		"losses": func(n int) string {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, `,"%x":1`, i)
			}
			return head + `"train","losses":{` + b.String()[1:] + `}}`
		},
		"parents": func(n int) string { return head + `"candidate","parents":[0` + strings.Repeat(",0", n) + `]}` },
		"changes": func(n int) string { return head + `"config_changed","changes":[{}` + strings.Repeat(",{}", n) + `]}` },
		"unknown": func(n int) string { return head + `"telepathy","x":"` + strings.Repeat("y", n) + `"}` },
	} {
		inputtest.Linear(t, 20_000, func(n int) {
			line := []byte(text(n) + "\n")
			var err error
			took := inputtest.Allocated(func() { _, err = (&decoder{}).parse(line) })
			if err != nil || took > 128*int64(len(line)) {
				t.Errorf("%s: %d times the line's bytes are allocated, %v", name, took/int64(len(line)), err)
			}
		})
	}
}

// FuzzParseLine wants the same entry of both decoders, or that the fast one leaves
// the line alone; and of an entry that writing it gives the same again, or one
// clear error.
func FuzzParseLine(f *testing.F) {
	for i, e := range append(frequent(), everyEvent()...) {
		f.Add(line(f, int64(i+1), e))
	}
	f.Add([]byte(`{"v":1,"seq":1,"time":"2026-01-02T03:04:05Z","type":"train","step":1,"iteration":1,"lr":0,"losses":{"a":1,"a":"NaN"},"images_per_s":0,"data_s":0,"step_s":0}` + "\n"))
	head := `{"v":1,"seq":1,"time":"2026-01-02T03:04:05Z","type":`
	f.Add([]byte(head + `"eval","metrics":{"\u001b[2J\n":"\u009b"}}` + "\n"))
	f.Add([]byte(head + `"warning","what":` + strings.Repeat("9", 2000) + "}\n"))
	f.Add([]byte(head + `"\u202e\n","x":1}` + "\n"))
	f.Add([]byte(head + `"control","what":"lock","block":-1,"choice":"\u0000"}` + "\n"))
	f.Add([]byte(`{"v":1,"seq":1,"time":"9999-12-31T23:59:59-23:59","type":"warning"}` + "\n"))
	f.Fuzz(func(t *testing.T, line []byte) {
		var d decoder
		agree(t, &d, line)
		agree(t, &d, line) // with what it remembers
		entry, err := parseLine(line)
		if err != nil {
			inputtest.Clear(t, err)
			return
		}
		if _, unknown := entry.Event.(Unknown); unknown || entry.Time.UTC().Year() > 9999 || entry.Time.UTC().Year() < 0 {
			return // is not written
		}
		written, err := appendLine(nil, entry.Seq, entry.Time, entry.Event)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseLine(written)
		if err != nil {
			t.Fatalf("%q is written as %q: %v", line, written, err)
		}
		entry.Time, again.Time = entry.Time.UTC(), again.Time.UTC()
		if diff := cmp.Diff(entry, again, append(equals, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Header{}, "V"))...); diff != "" {
			t.Fatalf("%q comes back as (-want +got)\n%s", line, diff)
		}
	})
}

// million is a journal of n events, nearly all of training, and what encoding a
// line costs is not in the figures.
func million(t testing.TB, n int) []byte {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	var b []byte
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for seq := range n {
		at = at.Add(126 * time.Millisecond)
		var e Event = Train{
			Step: 2, Iteration: seq + 1, LR: 0.02 * rng.Float64(), ImagesPerS: 31.7 + rng.Float64(), DataS: 0.001 * rng.Float64(), StepS: 0.12 + 0.01*rng.Float64(),
			Losses: Values{"loss": rng.Float64(), "rpn_cls": rng.Float64(), "rpn_box": rng.Float64(), "cls": rng.Float64(), "box": rng.Float64()},
		}
		switch {
		case seq%50 == 49:
			e = Usage{CPU: 2 * rng.Float64(), Memory: rng.Int64N(1 << 32)}
		case seq%100 == 98:
			e = Candidate{
				Index: seq / 100, Generation: seq / 2000, Origin: "mutation", Parents: []int{1, 2}, Subnet: "2120-2112-33130031-3132",
				Params: rng.Int64N(1e7), MACs: rng.Int64N(1e9), Score: rng.Float64(), Seconds: 20 * rng.Float64(), Status: "new",
			}
		}
		var err error
		if b, err = appendLine(b, int64(seq+1), at, e); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// TestBatchesAreTheEntriesOneByOne reads journals of several lengths, whole,
// torn and damaged, in both ways.
func TestBatchesAreTheEntriesOneByOne(t *testing.T) {
	whole := million(t, 3000)
	half := bytes.LastIndexByte(whole[:len(whole)/2], '\n') + 1
	for name, journal := range map[string][]byte{
		"empty": nil, "one": whole[:bytes.IndexByte(whole, '\n')+1], "whole": whole, "torn": whole[:len(whole)-7],
		"torn with an end": append(bytes.Clone(whole), "\x00\n"...),
		"damaged":          append(append(bytes.Clone(whole[:half]), "junk\n"...), whole[half:]...),
		"a gap":            append(bytes.Clone(whole[:half]), whole[half+bytes.IndexByte(whole[half:], '\n')+1:]...),
		"endless":          append(bytes.Clone(whole[:half]), bytes.Repeat([]byte("x"), maxLine+bulk)...),
	} {
		want, wantErr := collect(NewReader("j", bytes.NewReader(journal)), func(r *Reader) ([]Entry, error) {
			e, err := r.Next()
			return []Entry{e}, err
		})
		for _, limit := range []int{1, 7, parallel, 1000, 1 << 30} {
			got, err := collect(NewReader("j", bytes.NewReader(journal)), func(r *Reader) ([]Entry, error) {
				entries, err := r.Batch(limit)
				if len(entries) > limit {
					t.Errorf("%d entries of %d", len(entries), limit)
				}
				if err == nil && len(entries) == 0 {
					err = io.EOF
				}
				return entries, err
			})
			if fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Errorf("%s by %d: %v, want %v", name, limit, err, wantErr)
			}
			if diff := cmp.Diff(want, got, equals...); diff != "" {
				t.Errorf("%s by %d: (-want +got)\n%s", name, limit, diff[:min(len(diff), 500)])
			}
		}
	}
}

func collect(r *Reader, next func(*Reader) ([]Entry, error)) ([]Entry, error) {
	var all []Entry
	for {
		entries, err := next(r)
		if err == nil {
			all = append(all, entries...)
			continue
		}
		if errors.Is(err, io.EOF) {
			err = nil
		} else if len(entries) > 0 && entries[0].Event != nil {
			all = append(all, entries...)
		}
		return all, err
	}
}

// TestBatchFollows reads a journal in batches while it grows by bytes.
func TestBatchFollows(t *testing.T) {
	whole := million(t, 200)
	r := NewReader("j", nil)
	n := 0
	for end := 0; end <= len(whole); end += 97 {
		r.src = bytes.NewReader(whole[:end])
		entries, err := r.Batch(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		n += len(entries)
		if want := bytes.Count(whole[:end], []byte("\n")); n != want {
			t.Fatalf("%d entries of %d bytes, want %d", n, end, want)
		}
	}
}

// TestReadingKeepsNothing wants the memory that a reader holds to be small
// whatever it has read.
func TestReadingKeepsNothing(t *testing.T) {
	journal := million(t, 50_000)
	before := heap()
	r := NewReader("j", bytes.NewReader(journal))
	if err := readAll(r, func(Entry) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if grown := heap() - before; grown > 1<<20 || cap(r.buf) > chunk {
		t.Errorf("the reader of %d bytes holds %d, of them %d in its buffer", len(journal), grown, cap(r.buf))
	}
	runtime.KeepAlive(r)
	runtime.KeepAlive(journal)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // far below
}

func BenchmarkParseLine(b *testing.B) {
	l := line(b, 17, frequent()[1])
	b.Run("fast", func(b *testing.B) {
		var d decoder
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := d.fast(l); !ok {
				b.Fatal("left alone")
			}
		}
	})
	b.Run("json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := parseLine(l); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkFoldMillion reads and folds a million events; what is made for it is
// not timed.
func BenchmarkFoldMillion(b *testing.B) {
	journal := million(b, 1_000_000)
	b.SetBytes(int64(len(journal)))
	for b.Loop() {
		var s State
		if err := readAll(NewReader("j", bytes.NewReader(journal)), func(e Entry) error { s.Apply(e); return nil }); err != nil {
			b.Fatal(err)
		}
		if s.Seq != 1_000_000 || len(s.Candidates) == 0 {
			b.Fatalf("%+v", s)
		}
	}
}
