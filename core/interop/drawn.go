package interop

// The parts of a network that an ONNX file can have.
const (
	PartBackbone   = "backbone"
	PartClassifier = "classifier"
	PartDetector   = "detector"
	PartRoIHead    = "roi-head" // of Faster R-CNN, on boxes that were pooled
)

// Parts are all of them.
func Parts() []string {
	return []string{PartBackbone, PartClassifier, PartDetector, PartRoIHead}
}

// DrawOptions are how a network is written as an ONNX file.
type DrawOptions struct {
	Out  string
	Part string // "" is all of the network: its detector, its classifier or its backbone
	// Batch is how many images a batch has, and Height and Width, in px, are theirs; 0
	// takes any. Multiples, of no size, takes those alone that the coarsest stride divides.
	Batch, Height, Width int
	Multiples            bool
	FoldBN               bool // into the convolutions
	Normalise            bool // in the graph, which then takes RGB values of 0 to 255
	Version              string
	// Sample is a folder to make, with inputs and what detnas computes of them; "" for none.
	// SampleImages are images that are among them.
	Sample       string
	SampleImages []string
}

// Drawn is the report of an export to ONNX.
type Drawn struct {
	From    string `json:"from"`
	Out     string `json:"out"`
	To      string `json:"to"`
	Part    string `json:"part"`
	Subnet  string `json:"subnet"`
	Space   Found  `json:"space"`
	Opset   int    `json:"opset"`
	FoldBN  bool   `json:"fold_bn"`
	Takes   string `json:"takes"` // what the values of the input are
	Inputs  []Port `json:"inputs"`
	Outputs []Port `json:"outputs"`
	Bytes   int64  `json:"bytes"`
	Sample  string `json:"sample,omitempty"`
	Samples int    `json:"samples,omitempty"` // inputs in it
}

// Port is an input or an output, with numbers or names for its sizes.
type Port struct {
	Name  string   `json:"name"`
	Shape []string `json:"shape"`
}
