package nas

// BlockPart is one block of a subnet on an image: where it stands, what it is,
// and what it costs.
type BlockPart struct {
	BlockSpec
	Choice  Choice
	InSize  Size // of the feature map before it
	OutSize Size
	Cost    Cost
}

// Breakdown is a subnet's cost part by part. The stem and the blocks are the
// body; with the head they are the classifier.
type Breakdown struct {
	Stem     Cost
	StemSize Size // of the stem's output
	Blocks   []BlockPart
	Head     Cost
}

// Breakdown counts each part of a subnet on an image of size in.
func (s Space) Breakdown(sub Subnet, in Size) (Breakdown, error) {
	if err := s.checkCount(sub, in); err != nil {
		return Breakdown{}, err
	}
	d := Breakdown{Stem: s.StemCost(in), StemSize: in.down(2), Head: s.HeadCost(in), Blocks: make([]BlockPart, 0, len(sub))}
	s.walkBlocks(in, func(i int, b BlockSpec, size Size) {
		d.Blocks = append(d.Blocks, BlockPart{
			BlockSpec: b, Choice: sub[i], InSize: size, OutSize: size.down(b.Stride), Cost: s.BlockCost(b, sub[i], size),
		})
	})
	return d, nil
}

// Body is the cost of the stem and the blocks.
func (d Breakdown) Body() Cost {
	total := d.Stem
	for _, b := range d.Blocks {
		total = total.Plus(b.Cost)
	}
	return total
}

// Classifier is the cost of all parts.
func (d Breakdown) Classifier() Cost { return d.Body().Plus(d.Head) }

// Stage is the cost of the blocks of a stage, from 0.
func (d Breakdown) Stage(stage int) Cost {
	var total Cost
	for _, b := range d.Blocks {
		if b.Stage == stage {
			total = total.Plus(b.Cost)
		}
	}
	return total
}
