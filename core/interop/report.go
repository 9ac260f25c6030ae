package interop

// Report says what became of the tensors of a checkpoint that was imported.
type Report struct {
	File    string `json:"file"`
	Out     string `json:"out"`
	Source  string `json:"source"`
	Network string `json:"network"` // supernet or subnet; backbone, classifier or detector
	Subnet  string `json:"subnet,omitempty"`
	Space   Found  `json:"space"`

	Taken    []Taken  `json:"taken"`
	Left     []Left   `json:"left"`
	Missing  []Taken  `json:"missing"`
	Counters int      `json:"counters"` // num_batches_tracked, which nothing rests on
	Beside   []string `json:"beside"`   // what the file holds beside weights
	Notes    []string `json:"notes"`    // what whoever uses the weights has to know
}

// Found is a search space.
type Found struct {
	Preset  string   `json:"preset"`
	Layout  string   `json:"layout"`
	Stem    int      `json:"stem"`
	Widths  []int    `json:"widths"`
	Depths  []int    `json:"depths"`
	Choices []string `json:"choices"`
}

// Taken is a tensor by detnas's name, and by that which it had in the file.
type Taken struct {
	Name  string  `json:"name"`
	From  string  `json:"from,omitempty"`
	Shape []int64 `json:"shape"`
}
