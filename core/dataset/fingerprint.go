package dataset

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"math"
	"path/filepath"
)

// Fingerprint tells whether a set is still the one that something was trained on.
// The digest is of all that the draws of a run fall on: the classes, and every
// image's name, size and boxes in their order. What files hold is not in it, nor
// whether they are there, so that it costs no look at them.
type Fingerprint struct {
	Images int
	Boxes  int
	Digest string // 32 hexadecimal digits
}

// Fingerprint is that of the class folder; names count from the folder on.
func (c *Classification) Fingerprint() Fingerprint {
	d := newDigester()
	d.number(uint64(len(c.Classes)))
	for _, name := range c.Classes {
		d.text(name)
	}
	for i, name := range c.Names() {
		d.text(name)
		d.number(uint64(c.Labels[i])) //nolint:gosec // a place in a list
	}
	return Fingerprint{Images: c.Len(), Digest: d.sum()}
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
