package engine

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"detnas/core/config"
	"detnas/core/input"
	"detnas/core/interop"
	"detnas/core/nn"
	"detnas/core/pth"
	"detnas/core/run"
	"detnas/core/seed"
	"detnas/core/tensor"
	"detnas/detector"
	"detnas/nas"
	"detnas/nas/supernet"
)

// ImportOptions are how a checkpoint is taken in.
type ImportOptions struct {
	Out     string // file to write
	Space   string // a preset's name; empty takes the space that the shapes speak of
	Shuffle int    // of the official code's network: 1, 2, or 0 where nobody said
	Strict  bool   // whether a tensor that is left or missing is an error
	// Config, when not nil, has the space and the detector that the file is of.
	Config *config.Config
	// Classes are the detector's, in label order; none takes those that the file names.
	Classes []string
}

// Import writes a checkpoint of another program, or of detnas, as one of detnas that
// load_from takes, and predict where it is a whole detector of one path. All of the
// backbone has to be there in its shapes. Nothing is written when it fails.
func Import(path string, o ImportOptions) (*interop.Report, error) {
	f, err := readForeign(path)
	if err != nil {
		return nil, err
	}
	in := &importing{path: path, opts: o, file: f}
	if in.weights, err = interop.Translate(f.tensors, interop.Options{Shuffle: o.Shuffle, Layout: nas.Layout(f.meta["layout"])}); err != nil {
		return nil, fmt.Errorf("importing %s: %w", input.Line(path), err)
	}
	var report *interop.Report
	err = tensor.OnThread(1, func() error {
		report, err = in.run()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("importing %s: %w", input.Line(path), err)
	}
	return report, nil
}

// foreign is what a file holds.
type foreign struct {
	tensors []run.NamedArray
	meta    map[string]string   // detnas's own, of what it or its export wrote
	lists   map[string][]string // of strings, such as CLASSES
	beside  []string
}

// readForeign reads a checkpoint of PyTorch or a safetensors file.
func readForeign(path string) (*foreign, error) {
	in, _, err := input.Open(path)
	if err != nil {
		return nil, fmt.Errorf("importing: %w", err)
	}
	var first [9]byte // of safetensors: the header's length, and its {
	n, err := io.ReadFull(in, first[:])
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	if err := errors.Join(err, in.Close()); err != nil {
		return nil, fmt.Errorf("importing %s: %w", input.Line(path), input.Plain(err))
	}
	if n > 0 && first[8] != '{' && (string(first[:2]) == "PK" || first[0] == 0x80) {
		f, err := pth.Read(path)
		if err != nil {
			return nil, err
		}
		meta := map[string]string{}
		for k, v := range f.Texts {
			if own, ok := strings.CutPrefix(k, interop.MetaPrefix); ok {
				meta[own] = v
			}
		}
		return &foreign{tensors: f.Weights, meta: meta, lists: f.Lists, beside: f.Others}, nil
	}
	c, err := run.ReadCheckpoint(path)
	if err != nil {
		return nil, fmt.Errorf("%w; a checkpoint of PyTorch begins as a zip file or as a pickle, and this one as neither", err)
	}
	return &foreign{tensors: c.Tensors, meta: c.Meta}, nil
}

// importing is an import under way.
type importing struct {
	path    string
	opts    ImportOptions
	file    *foreign
	weights *interop.Weights

	space   nas.Space
	subnet  nas.Subnet
	network string // backbone, classifier or detector
	classes []category
}

// run matches the weights with a network of their kind, and writes them.
func (in *importing) run() (*interop.Report, error) {
	if err := in.findSpace(); err != nil {
		return nil, err
	}
	net, err := in.build()
	if err != nil {
		return nil, err
	}
	defer net.store.Free()
	r := &interop.Report{
		File: in.path, Out: in.opts.Out, Source: string(in.weights.Source), Network: "supernet " + in.network, Space: found(in.space),
		Taken: []interop.Taken{}, Left: in.weights.Left, Missing: []interop.Taken{}, Counters: in.weights.Counters, Beside: in.file.beside, Notes: in.weights.Notes,
	}
	if in.subnet != nil {
		r.Network, r.Subnet = "subnet "+in.network, in.subnet.Short(in.space)
	}
	tensors, err := in.match(net.store, r)
	if err != nil {
		return nil, err
	}
	if in.opts.Strict && len(r.Left)+len(r.Missing) > 0 {
		return nil, strictError(r)
	}
	meta, err := in.meta(r)
	if err != nil {
		return nil, err
	}
	c := &run.Checkpoint{Meta: meta, Tensors: tensors}
	return r, c.Write(in.opts.Out)
}

// strictError says what a strict import has left and missed.
func strictError(r *interop.Report) error {
	var first string
	switch {
	case len(r.Left) > 0:
		first = fmt.Sprintf("%s %v is left: %s", input.Line(r.Left[0].Name), r.Left[0].Shape, r.Left[0].Why)
	default:
		first = fmt.Sprintf("%s %v is missing", r.Missing[0].Name, r.Missing[0].Shape)
	}
	return fmt.Errorf("%d tensors are left and %d missing (%s); without --strict the rest is taken", len(r.Left), len(r.Missing), first)
}

// found describes a space.
func found(s nas.Space) interop.Found {
	f := interop.Found{Preset: s.Name, Layout: string(s.Layout), Stem: s.Stem, Widths: s.Widths, Depths: s.Depths}
	for _, c := range s.Choices {
		f.Choices = append(f.Choices, c.String())
	}
	return f
}

// findSpace settles the space, the subnet and the kind of network.
func (in *importing) findSpace() error {
	said, err := in.weights.Space()
	if err != nil {
		return err
	}
	in.space = said
	if text := in.file.meta[run.MetaConfig]; text != "" && in.opts.Config == nil && in.opts.Space == "" {
		if in.opts.Config, err = config.Parse("its own config", []byte(text), nil); err != nil {
			return fmt.Errorf("%w; name another with --config, or a --space", err)
		}
	}
	switch {
	case in.opts.Config != nil:
		if in.space, err = in.opts.Config.Space.NAS(said.Classes); err != nil {
			return err
		}
		if in.space.Layout != in.weights.Layout {
			return fmt.Errorf("it has the %s layout, and space.layout of the config is %s", in.weights.Layout, in.space.Layout)
		}
	case in.opts.Space != "":
		if in.space, err = nas.Preset(in.opts.Space); err != nil {
			return err
		}
		in.space.Layout, in.space.Last, in.space.Classes = said.Layout, said.Last, said.Classes
	}
	if err := in.ofItsSize(); err != nil {
		return err
	}
	in.subnet = in.weights.Subnet(in.space)
	if in.subnet != nil {
		if err := in.subnet.Check(in.space); err != nil {
			return err
		}
	}
	in.network = "backbone"
	for _, t := range in.weights.Tensors {
		switch {
		case strings.HasPrefix(t.Name, "head.") || strings.HasPrefix(t.Name, fmt.Sprintf("backbone.layers.%d.", len(in.space.Widths))):
			in.network = "classifier"
		case in.opts.Config != nil && strings.HasPrefix(t.Name, "neck."):
			in.network = "detector"
		}
	}
	if len(in.opts.Classes) > 0 && in.network != "detector" {
		return fmt.Errorf("it is a %s, which has no classes to name; leave out --classes", in.network)
	}
	return nil
}

// headroom is how many parameters a network may have beyond twice the file's values: the
// classifier of a published space, which a backbone's file has not, has 3 million.
const headroom = 4 << 20

// ofItsSize refuses a space whose networks have far more values than the file, be it
// that a few names speak of one: it is not built just to find that it is not there.
func (in *importing) ofItsSize() error {
	var has int64
	for _, t := range in.weights.Tensors {
		has += int64(len(t.Data)) / 4
	}
	for _, c := range in.space.Choices {
		cost, err := in.space.SubnetCost(slices.Repeat(nas.Subnet{c}, in.space.Len()), nas.ScopeClassifier, nas.Square(32))
		if err != nil {
			return err
		}
		if cost.Params > 2*has+headroom {
			return fmt.Errorf("a subnet of space %s, by its names and shapes, has %d parameters, and all of its tensors have %d values", in.space.Name, cost.Params, has)
		}
	}
	return nil
}

// assembled is a network that a file's weights are of, with the store of its tensors.
// Its classifier and its detector are nil where it has none.
type assembled struct {
	store      *nn.Store
	backbone   *supernet.Backbone
	classifier *supernet.Classifier
	detector   detector.Detector
}

// build makes the network whose tensors are looked for.
func (in *importing) build() (*assembled, error) {
	if in.network == "detector" {
		return in.detector()
	}
	net := &assembled{store: nn.NewStore(tensor.CPU, seed.Derive(0, "import"))}
	var err error
	switch path := net.store.Root(); {
	case in.network == "classifier" && in.subnet != nil:
		net.classifier, err = supernet.NewSubnetClassifier(path, in.space, in.subnet)
	case in.network == "classifier":
		net.classifier, err = supernet.NewSupernetClassifier(path, in.space)
	case in.subnet != nil:
		net.backbone, err = supernet.NewSubnet(path.At("backbone"), in.space, in.subnet)
	default:
		net.backbone, err = supernet.NewSupernet(path.At("backbone"), in.space)
	}
	if err = errors.Join(err, net.store.Err()); err != nil {
		net.store.Free()
		return nil, err
	}
	if net.classifier != nil {
		net.backbone = net.classifier.Backbone
	}
	return net, nil
}

// detector makes the config's detector for as many classes as the file's head has.
func (in *importing) detector() (*assembled, error) {
	n, err := in.countClasses()
	if err != nil {
		return nil, err
	}
	if err := in.nameClasses(n); err != nil {
		return nil, err
	}
	step := config.StepSupernetFinetune
	if in.subnet != nil {
		step = config.StepSubnetFinetune
	}
	e := &engine{cfg: in.opts.Config, device: tensor.CPU}
	d, err := e.newDetector(step, n, in.subnet)
	if err != nil {
		return nil, err
	}
	return &assembled{store: d.store, backbone: d.backbone, detector: d.net}, nil
}

// countClasses reads how many classes the detector's head tells apart.
func (in *importing) countClasses() (int, error) {
	c := &in.opts.Config.Detector
	name, per, beside, widths := "roi_head.bbox_head.fc_cls.weight", 1, 1, c.RoI.FC
	if c.Kind == config.KindRetinaNet {
		name, per, beside, widths = "bbox_head.retina_cls.weight", c.Retina.ScalesPerOctave*len(c.Retina.Ratios), 0, []int{c.Retina.Channels}
	}
	for _, t := range in.weights.Tensors {
		if t.Name != name || len(t.Shape) < 2 {
			continue
		}
		n := int(t.Shape[0])/per - beside
		if len(widths) > 0 && t.Shape[1] != int64(widths[len(widths)-1]) {
			return 0, fmt.Errorf("tensor %s has the shape %v, and the config's detector %d inputs there; it is of another detector",
				input.Line(in.weights.From[name]), t.Shape, widths[len(widths)-1])
		}
		if n < 1 || n > maxClasses || (n+beside)*per != int(t.Shape[0]) {
			return 0, fmt.Errorf("tensor %s has the shape %v, which is no number of classes from 1 to %d for the config's detector", input.Line(in.weights.From[name]), t.Shape, maxClasses)
		}
		return n, nil
	}
	return 0, fmt.Errorf("it has a neck and no %s, so it is no %s detector as detector.kind of the config says", name, c.Kind)
}

// nameClasses names the detector's classes: by the options, or as mmdet wrote them.
func (in *importing) nameClasses(n int) error {
	names := in.opts.Classes
	for _, key := range []string{"CLASSES", "classes"} {
		if len(names) == 0 {
			names = in.file.lists[key]
		}
	}
	if text, ok := in.file.meta[classesKey]; ok && len(names) == 0 {
		var err error
		if in.classes, err = decodeClasses(text); err != nil {
			return err
		}
		if len(in.classes) != n {
			return fmt.Errorf("it names %d classes, and its head tells %d apart", len(in.classes), n)
		}
		return nil
	}
	if len(names) != n {
		return fmt.Errorf("its head tells %d classes apart, and %d are named; name them in label order with --classes", n, len(names))
	}
	for i, name := range names {
		in.classes = append(in.classes, category{ID: int64(i + 1), Name: name})
	}
	_, err := categoriesOf(in.classes)
	return err
}

// match goes through the network's tensors and the file's, and fills in the report.
func (in *importing) match(st *nn.Store, r *interop.Report) ([]run.NamedArray, error) {
	var taken []run.NamedArray
	have := map[string]bool{}
	var wrong []string
	for _, t := range in.weights.Tensors {
		from := in.weights.From[t.Name]
		want := st.Get(t.Name)
		switch {
		case want == nil:
			why := "the network has no " + t.Name
			if in.network != "detector" && !strings.HasPrefix(t.Name, backbonePrefix) {
				why = "it is of a detector; with --config, and the detector's config, it is taken"
			}
			r.Left = append(r.Left, interop.Left{Name: from, Shape: t.Shape, Why: why})
		case slices.Equal(want.Shape(), t.Shape):
			have[t.Name] = true
			taken = append(taken, t)
			r.Taken = append(r.Taken, interop.Taken{Name: t.Name, From: from, Shape: t.Shape})
		case strings.HasPrefix(t.Name, backbonePrefix):
			wrong = append(wrong, fmt.Sprintf("%s has the shape %v and the network's %s %v", input.Line(from), t.Shape, t.Name, want.Shape()))
		default:
			r.Left = append(r.Left, interop.Left{Name: from, Shape: t.Shape, Why: fmt.Sprintf("the network's %s has the shape %v", t.Name, want.Shape())})
		}
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("it is of another space than %s: %s%s; leave out --space or --config to have the space read off its shapes", in.space.Name, wrong[0], others(len(wrong)))
	}
	if r.Left == nil {
		r.Left = []interop.Left{}
	}
	return taken, in.missing(st, have, r)
}

// others says how many there are beside the one that was named.
func others(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(" (and %d others)", n-1)
}

// missing lists what the network has and the file has not. A backbone without one of
// its tensors is refused: no step would start from it.
func (in *importing) missing(st *nn.Store, have map[string]bool, r *interop.Report) error {
	var backbone []string
	miss := func(name string, shape []int64) {
		if have[name] {
			return
		}
		r.Missing = append(r.Missing, interop.Taken{Name: name, Shape: shape})
		if strings.HasPrefix(name, backbonePrefix) {
			backbone = append(backbone, name)
		}
	}
	for _, p := range st.Params {
		miss(p.Name, p.T.Shape())
	}
	for _, b := range st.Buffers {
		miss(b.Name, b.T.Shape())
	}
	if len(backbone) == 0 {
		return nil
	}
	return fmt.Errorf("it has no tensor for %s%s of space %s, so that no step could start from it", backbone[0], others(len(backbone)), in.space.Name)
}

// meta says what the checkpoint is of. Only a whole detector has a step: what was never
// trained here is of none.
func (in *importing) meta(r *interop.Report) (map[string]string, error) {
	meta := map[string]string{
		"imported": string(in.weights.Source), "space": in.space.Name, "layout": string(in.space.Layout),
	}
	if in.subnet != nil {
		meta[subnetKey] = in.subnet.Short(in.space)
	}
	names := namesOf(in.weights.Tensors)
	for _, left := range in.weights.Left {
		names = append(names, left.Name)
	}
	had, err := pastOf(in.file.meta, names, filepath.Base(in.path))
	if err == nil && !had.bare { // of a backbone alone nothing is known
		meta[trainedKey], err = had.encoded()
	}
	if err != nil || in.network != "detector" || len(r.Missing) > 0 {
		return meta, err
	}
	step := config.StepSupernetFinetune
	if in.subnet != nil {
		step = config.StepSubnetFinetune
	}
	meta["step"], meta["step_name"] = strconv.Itoa(step), config.StepName(step)
	meta[run.MetaConfig] = in.opts.Config.Resolved()
	meta[classesKey], err = encodeClasses(in.classes)
	return meta, err
}
