package nn

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"detnas/core/input/inputtest"
	"detnas/core/tensor"
)

// pair is a store of a parameter a.w and a buffer a.mean of two values each.
func pair(t testing.TB, v float64) *Store {
	st := NewStore(tensor.CPU, 1)
	st.Root().At("a").Param("w", true, Const(v), 2)
	st.Root().At("a").Buffer("mean", v, 2)
	t.Cleanup(st.Free)
	if err := st.Err(); err != nil {
		t.Fatal(err)
	}
	return st
}

func export(t testing.TB, st *Store) []Array {
	t.Helper()
	arrays, err := st.Export()
	if err != nil {
		t.Fatal(err)
	}
	return arrays
}

func TestExportAndMatch(t *testing.T) {
	arrays, dst := export(t, pair(t, 7)), pair(t, 0)
	m, err := dst.Match(append(arrays, Array{Name: "other"}), nil)
	want := Match{Taken: []string{"a.w", "a.mean"}, Unused: []string{"other"}}
	if d := cmp.Diff(want, m, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(Match{})); d != "" || err != nil {
		t.Errorf("match (%v):\n%s", err, d)
	}
	if d := cmp.Diff(export(t, pair(t, 0)), export(t, dst)); d != "" {
		t.Errorf("matching copies:\n%s", d)
	}
	if err := m.Copy(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(arrays, export(t, dst)); d != "" {
		t.Errorf("after copying:\n%s", d)
	}
	if m, err := dst.Match(arrays[:1], nil); err != nil || !cmp.Equal(m.Missing, []string{"a.mean"}) {
		t.Errorf("missing %v (%v), want a.mean", m.Missing, err)
	}
	m, err = dst.Match(arrays, func(a Array) string { return map[string]string{"a.w": "a.mean"}[a.Name] })
	if err != nil || !cmp.Equal(m.Taken, []string{"a.mean"}) || !cmp.Equal(m.Unused, []string{"a.mean"}) {
		t.Errorf("by other names: %+v (%v)", m, err)
	}
}

// TestMatchRefuses has what does not fit stand last, behind an array that does.
func TestMatchRefuses(t *testing.T) {
	good := export(t, pair(t, 7))
	for want, bad := range map[string]Array{
		"a.mean has another shape: [3], the network's is [2]": {Name: "a.mean", DType: tensor.Float, Shape: []int64{3}, Data: make([]byte, 12)},
		"a.mean has another shape: [], the network's is [2]":  {Name: "a.mean", DType: tensor.Float, Data: make([]byte, 4)},
		"a.mean has elements of another type":                 {Name: "a.mean", DType: tensor.Int64, Shape: []int64{2}, Data: make([]byte, 16)},
		"a.mean has 7 bytes, where [2] takes 8":               {Name: "a.mean", DType: tensor.Float, Shape: []int64{2}, Data: make([]byte, 7)},
		"a.w and a.w are both for a.w":                        good[0],
	} {
		dst := pair(t, 0)
		_, err := dst.Match([]Array{good[0], bad}, nil)
		inputtest.Clear(t, err, want)
		if errors.Is(err, ErrShape) != strings.Contains(want, "shape") {
			t.Errorf("%v", err)
		}
		if d := cmp.Diff(export(t, pair(t, 0)), export(t, dst)); d != "" {
			t.Errorf("%s: weights were touched:\n%s", want, d)
		}
	}
}

// FuzzMatch wants an array to be refused with the weights as they were, or to be
// there to the bit.
func FuzzMatch(f *testing.F) {
	f.Add("a.mean", uint8(0), int64(2), []byte("\x00\x00\x80\x3f\x00\x00\xc0\x7f"))
	f.Add("a.mean", uint8(1), int64(2), make([]byte, 16))
	f.Add("a.mean", uint8(9), int64(-1), []byte{})
	f.Add("a.w", uint8(0), int64(2), make([]byte, 8))
	f.Add("\x1b[2J", uint8(0), int64(1)<<62, make([]byte, 8))
	f.Fuzz(func(t *testing.T, name string, dtype uint8, side int64, data []byte) {
		dst, a := pair(t, 1), Array{Name: name, DType: tensor.DType(dtype), Shape: []int64{side}, Data: data}
		before := export(t, dst)
		m, err := dst.Match([]Array{before[0], a}, nil)
		if err != nil {
			inputtest.Clear(t, err)
		} else if err := m.Copy(); err != nil {
			t.Fatal(err)
		}
		if err == nil && len(m.Unused) == 0 {
			before[1] = a
		}
		if d := cmp.Diff(before, export(t, dst)); d != "" {
			t.Errorf("%v:\n%s", err, d)
		}
	})
}
