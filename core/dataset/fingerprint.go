package dataset

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"math"
	"os"
	"path/filepath"
	"sync"
)

// Fingerprint tells whether a set is still the one that something was trained on.
// The digest is of all that the draws of a run fall on: the classes, and every
// image's name, size and boxes in their order. Of a class folder, where nothing else
// tells two drawings of the same names apart, it is of the bytes that each file has as
// well. No file is read, and it is in no other set whether they are there.
type Fingerprint struct {
	Images int
	Boxes  int
	Digest string // 32 hexadecimal digits
	// Older is the digest that earlier versions gave to the set, where it is another.
	Older string
}

// Fingerprint is that of the class folder; names count from the folder on.
func (c *Classification) Fingerprint() Fingerprint {
	older, d := newDigester(), newDigester()
	d.text("with sizes")
	for _, d := range []*digester{older, d} {
		d.number(uint64(len(c.Classes)))
		for _, name := range c.Classes {
			d.text(name)
		}
	}
	bytes := c.bytes()
	for i, name := range c.Names() {
		for _, d := range []*digester{older, d} {
			d.text(name)
			d.number(uint64(c.Labels[i])) //nolint:gosec // a place in a list
		}
		d.number(bytes[i])
	}
	return Fingerprint{Images: c.Len(), Digest: d.sum(), Older: older.sum()}
}

// lookers is how many files are looked at at once: a file system of another machine
// takes its time for each.
const lookers = 16

// bytes is the length of each file; of one that is not there it is no length at all.
func (c *Classification) bytes() []uint64 {
	out := make([]uint64, c.Len())
	var group sync.WaitGroup
	for first := range min(lookers, c.Len()) {
		group.Go(func() {
			for i := first; i < c.Len(); i += lookers {
				out[i] = math.MaxUint64
				if info, err := os.Stat(c.Files[i]); err == nil {
					out[i] = uint64(info.Size()) //nolint:gosec // not below 0
				}
			}
		})
	}
	group.Wait()
	return out
}

// Names are the files by their paths from the folder on.
func (c *Classification) Names() []string {
	names := make([]string, c.Len())
	for i, file := range c.Files {
		names[i] = file
		if name, err := filepath.Rel(c.Source, file); err == nil {
			names[i] = filepath.ToSlash(name)
		}
	}
	return names
}

// Fingerprint is that of the set. Missing images count as they do in a split.
func (d *Detection) Fingerprint() Fingerprint {
	h := newDigester()
	h.number(uint64(len(d.Categories)))
	for _, c := range d.Categories {
		h.number(uint64(c.ID)) //nolint:gosec // any bits
		h.text(c.Name)
	}
	boxes := 0
	for i, m := range d.Images {
		h.number(uint64(m.ID)) //nolint:gosec // any bits
		h.text(m.Name)
		h.number(uint64(m.W)) //nolint:gosec // above 0
		h.number(uint64(m.H)) //nolint:gosec // above 0
		h.number(uint64(len(d.Objects[i])))
		for _, o := range d.Objects[i] {
			h.object(o)
		}
		boxes += len(d.Objects[i])
	}
	return Fingerprint{Images: d.Len(), Boxes: boxes, Digest: h.sum()}
}

// Names are the images by their names in the annotation file.
func (d *Detection) Names() []string {
	names := make([]string, d.Len())
	for i, m := range d.Images {
		names[i] = m.Name
	}
	return names
}

// digester hashes values in an order, each with its length.
type digester struct {
	hash hash.Hash
	w    *bufio.Writer
}

func newDigester() *digester {
	h := sha256.New()
	return &digester{hash: h, w: bufio.NewWriterSize(h, 1<<16)}
}

func (d *digester) number(v uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	_, _ = d.w.Write(b[:]) // a hash takes all
}

func (d *digester) text(s string) {
	d.number(uint64(len(s)))
	_, _ = d.w.WriteString(s)
}

func (d *digester) object(o Object) {
	for _, v := range o.Source {
		d.number(math.Float64bits(v))
	}
	d.number(math.Float64bits(o.Area))
	flags := uint64(0)
	if o.Crowd {
		flags |= 1
	}
	if o.Difficult {
		flags |= 2
	}
	d.number(uint64(o.Label)<<2 | flags) //nolint:gosec // a place in a list
}

func (d *digester) sum() string {
	_ = d.w.Flush()
	return hex.EncodeToString(d.hash.Sum(nil)[:16])
}
