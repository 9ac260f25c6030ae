package run

import (
	"bytes"
	"time"
)

// Bounds on the names that a decoder remembers: how many, and the bytes of one.
const (
	mostNames = 1024
	longName  = 64
)

// decoder decodes lines of the journal as appendLine writes them, about ten
// times as fast as encoding/json: the kinds of which a journal has many, with
// their keys in order and nothing unusual in them. Everything else it leaves to
// parseLine, so that what a line means is said in one place. It is used by one
// goroutine at a time.
type decoder struct {
	names  map[string]string // of losses, origins, ...: one copy of each
	guess  []string          // the names of the last values, in order
	minute [16]byte          // of the last time: 2006-01-02T15:04
	base   int64             // the same in seconds since 1970
	known  bool              // minute and base are set
}

// parse decodes a line, newline included.
func (d *decoder) parse(line []byte) (Entry, error) {
	if entry, ok := d.fast(line); ok {
		return entry, nil
	}
	return parseLine(line)
}

// fast decodes a line of a frequent kind that looks as it should; false leaves
// it to parseLine.
func (d *decoder) fast(line []byte) (Entry, bool) {
	c := cursor{rest: line}
	var e Entry
	c.skip(`{"v":1,"seq":`) // SchemaVersion
	e.V, e.Seq = SchemaVersion, c.int()
	c.skip(`,"time":"`)
	e.Time = d.time(&c)
	c.skip(`,"type":`)
	kind := c.text()
	if c.bad || e.Seq < 1 {
		return Entry{}, false
	}
	switch string(kind) {
	case "train":
		e.Type, e.Event = "train", d.train(&c)
	case "candidate":
		e.Type, e.Event = "candidate", d.candidate(&c)
	case "usage":
		e.Type, e.Event = "usage", usage(&c)
	default:
		return Entry{}, false
	}
	c.skip("}\n")
	return e, !c.bad && len(c.rest) == 0
}

func (d *decoder) train(c *cursor) Train {
	var t Train
	c.skip(`,"step":`)
	t.Step = int(c.int())
	c.bad = c.bad || t.Step < 0 || t.Step > steps
	c.skip(`,"iteration":`)
	t.Iteration = int(c.int())
	c.skip(`,"lr":`)
	t.LR = c.float()
	c.skip(`,"losses":`)
	t.Losses = d.values(c)
	c.skip(`,"images_per_s":`)
	t.ImagesPerS = c.float()
	c.skip(`,"data_s":`)
	t.DataS = c.float()
	c.skip(`,"step_s":`)
	t.StepS = c.float()
	return t
}

func (d *decoder) candidate(c *cursor) Candidate {
	var x Candidate
	c.skip(`,"index":`)
	x.Index = int(c.int())
	c.skip(`,"generation":`)
	x.Generation = int(c.int())
	c.skip(`,"origin":`)
	x.Origin = d.name(c.text())
	if c.has(`,"parents":[`) {
		x.Parents = append(make([]int, 0, 2), int(c.int()))
		for c.has(",") {
			x.Parents = append(x.Parents, int(c.int()))
		}
		c.skip("]")
	}
	c.skip(`,"subnet":`)
	x.Subnet = string(c.text())
	c.skip(`,"params":`)
	x.Params = c.int()
	c.skip(`,"macs":`)
	x.MACs = c.int()
	c.skip(`,"score":`)
	x.Score = c.float()
	c.skip(`,"seconds":`)
	x.Seconds = c.float()
	c.skip(`,"status":`)
	x.Status = d.name(c.text())
	if c.has(`,"planned":`) {
		x.Planned = int(c.int())
	}
	if c.has(`,"images":`) {
		x.Images = int(c.int())
	}
	if c.has(`,"partial":`) {
		x.Partial = c.float()
	}
	return x
}

func usage(c *cursor) Usage {
	var u Usage
	c.skip(`,"cpu":`)
	u.CPU = c.float()
	c.skip(`,"memory":`)
	u.Memory = c.int()
	if c.has(`,"gpu":`) {
		u.GPU = c.float()
	}
	if c.has(`,"gpu_bytes":`) {
		u.GPUBytes = c.int()
	}
	return u
}

// values decodes numbers by name. The names of one line are mostly those of the
// line before, in the same order.
func (d *decoder) values(c *cursor) Values {
	v := make(Values, len(d.guess))
	c.skip("{")
	for i := 0; !c.bad && !c.has("}"); i++ {
		if i > 0 {
			c.skip(",")
		}
		raw := c.text()
		var name string
		switch {
		case i < len(d.guess) && d.guess[i] == string(raw):
			name = d.guess[i]
		case i < mostNames:
			name = d.name(raw)
			d.guess = append(d.guess[:i], name)
		default:
			c.bad = true
		}
		c.skip(":")
		v[name] = c.value()
	}
	return v
}

// name is one copy of a name for all the lines that it stands in.
func (d *decoder) name(raw []byte) string {
	if name, ok := d.names[string(raw)]; ok {
		return name
	}
	name := string(raw)
	if d.names == nil {
		d.names = map[string]string{}
	}
	if len(d.names) < mostNames && len(name) <= longName {
		d.names[name] = name
	}
	return name
}

// time decodes a time of UTC with its closing quote.
func (d *decoder) time(c *cursor) time.Time {
	end := bytes.IndexByte(c.rest, '"')
	const whole = len("2006-01-02T15:04:05Z")
	if c.bad || end < whole || end > whole+len(".999999999") || c.rest[end-1] != 'Z' || c.rest[16] != ':' {
		c.bad = true
		return time.Time{}
	}
	s := c.rest[:end]
	c.rest = c.rest[end+1:]
	if !d.known || string(s[:16]) != string(d.minute[:]) {
		at, err := time.Parse("2006-01-02T15:04", string(s[:16]))
		if err != nil {
			c.bad = true
			return time.Time{}
		}
		copy(d.minute[:], s)
		d.base, d.known = at.Unix(), true
	}
	second, ok := digits(s[17:19])
	nano, whether := fraction(s[19 : end-1])
	if !ok || !whether || second > 59 {
		c.bad = true
		return time.Time{}
	}
	return time.Unix(d.base+second, nano).UTC()
}

// fraction is .123 in nanoseconds; nothing is none.
func fraction(s []byte) (int64, bool) {
	if len(s) == 0 {
		return 0, true
	}
	if s[0] != '.' || len(s) == 1 {
		return 0, false
	}
	n, ok := digits(s[1:])
	for range 10 - len(s) {
		n *= 10
	}
	return n, ok
}

func digits(s []byte) (int64, bool) {
	var n int64
	for _, b := range s {
		if b < '0' || b > '9' {
			return 0, false
		}
		n = 10*n + int64(b-'0')
	}
	return n, true
}
