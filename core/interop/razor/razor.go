// Package razor reads configs of DetNAS of MMRazor as configs of detnas, as far as
// they have a meaning there. What has none is listed, and nothing is guessed.
package razor

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"detnas/core/config"
	"detnas/core/input"
	"detnas/core/pyconf"
)

// Options say what a config of MMRazor does not.
type Options struct {
	// GPUs is how many the batch of one is of; 0 takes the batch that the config's
	// learning rate is meant for, where it has one.
	GPUs int
	// Step is the training step that the config is of; 0 tells it from the config.
	Step int
	// Packages are the folders of packages that a config inherits files of, by name.
	Packages map[string]string
}

// Taken is a key of detnas's config that a value of MMRazor's has set.
type Taken struct {
	Key, Value string // TOML
	From       string // file and line
}

// Left is a value that has no place in detnas's config, or is written otherwise
// there.
type Left struct {
	Path, From, Why string // the dotted name, file and line, the reason or nothing
}

// Result is a config of MMRazor's DetNAS as far as it has a meaning in detnas.
type Result struct {
	Preset  string // that has all that the file does not say
	Step    int    // that its training is of, 3 for a search on top of step 2
	Taken   []Taken
	Left    []Left
	Strange []pyconf.Strange // statements that were not understood
	Absent  []pyconf.Strange // files that it inherits and that are not there
	Config  *config.Config
}

// Read reads a config of DetNAS of MMRazor 0.x or 1.x (configs/nas/detnas,
// configs/nas/mmdet/detnas) and says what it comes to. It fails where the file cannot
// be read, is no such config, or comes to values that cannot be.
func Read(path string, o Options) (*Result, error) {
	read, err := pyconf.Load(path, o.Packages)
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the file
	}
	m := &mapper{root: read.Values, used: map[*pyconf.Value]bool{}, out: &Result{Strange: read.Strange, Absent: read.Absent}}
	if err := m.kind(o); err != nil {
		return nil, fmt.Errorf("%s: %w", input.Line(path), err)
	}
	m.training(o)
	m.searching()
	m.data()
	for from, to := range sameKeys(m.retina) {
		m.plain(from, to)
	}
	m.parts()
	m.leave(m.root, "")
	slices.SortStableFunc(m.out.Taken, func(a, b Taken) int { return strings.Compare(a.Key, b.Key) })
	sets := make([]string, 0, len(m.out.Taken))
	for _, t := range m.out.Taken {
		sets = append(sets, t.Key+"="+t.Value)
	}
	if m.out.Config, err = config.Load(m.out.Preset, sets); err != nil {
		return nil, fmt.Errorf("%s: what it says comes to no config: %w", input.Line(path), err)
	}
	return m.out, nil
}

// mapper maps a config.
type mapper struct {
	root   *pyconf.Value
	used   map[*pyconf.Value]bool // told of, as taken or as left
	step   string                 // the name of the training step
	retina bool
	out    *Result
}

// at is the value at a dotted path, or nil.
func (m *mapper) at(path string) *pyconf.Value {
	v := m.root
	for name := range strings.SplitSeq(path, ".") {
		if v == nil {
			return nil
		}
		if i, err := strconv.Atoi(name); err == nil && v.Kind == pyconf.List {
			if i >= len(v.Items) {
				return nil
			}
			v = v.Items[i]
			continue
		}
		v = v.Get(name)
	}
	return v
}

// first is the value at the first of paths that there is.
func (m *mapper) first(paths ...string) *pyconf.Value {
	for _, p := range paths {
		if v := m.at(p); v != nil {
			return v
		}
	}
	return nil
}

// model is a value of the network, which stands at one of three places.
func (m *mapper) model(path string) *pyconf.Value {
	return m.first("algorithm.architecture.model."+path, "model.architecture."+path, "model."+path)
}

// why says what was not read of a config, as far as it may be why something is missing.
func (r *Result) why() string {
	var parts []string
	if len(r.Absent) > 0 {
		parts = append(parts, "or a file that it inherits is not there ("+r.Absent[0].String()+")")
	}
	if len(r.Strange) > 0 {
		parts = append(parts, "or a statement that was not understood ("+r.Strange[0].String()+")")
	}
	if len(parts) == 0 {
		return ""
	}
	return ", " + strings.Join(parts, ", ")
}

// kind tells which step a config is of, and what detector it has.
func (m *mapper) kind(o Options) error {
	head, roi := m.model("bbox_head"), m.model("roi_head")
	detects := head != nil || roi != nil
	classifies := m.model("head") != nil
	if !detects && !classifies {
		return fmt.Errorf("it has neither a detector's head nor a classifier's, so it is no config of DetNAS%s", m.out.why())
	}
	m.retina = detects && roi == nil
	if kind := m.model("type"); kind != nil {
		m.used[kind] = true
	}
	m.out.Preset = "detnas_frcnn_300m_coco"
	if m.retina {
		m.out.Preset = "detnas_retinanet_300m_coco"
	}
	retrains := m.at("algorithm.retraining")
	alone := retrains != nil && retrains.Num == 1 || m.first("model.fix_subnet", "fix_subnet") != nil
	search := m.at("searcher") != nil || m.at("train_cfg.num_candidates") != nil
	m.out.Step = o.Step
	if o.Step == 0 {
		switch {
		case search:
			m.out.Step = config.StepSearch
		case detects && alone:
			m.out.Step = config.StepSubnetFinetune
		case detects:
			m.out.Step = config.StepSupernetFinetune
		case alone:
			m.out.Step = config.StepSubnetRetrain
		default:
			m.out.Step = config.StepSupernetPretrain
		}
	}
	if retrains != nil {
		m.used[retrains] = true
	}
	m.step = config.StepName(m.out.Step)
	if m.out.Step == config.StepSearch {
		m.step = config.StepName(config.StepSupernetFinetune)
	}
	return nil
}

// set takes a value for a key, or says why it cannot be.
func (m *mapper) set(key, text string, from *pyconf.Value) {
	m.used[from] = true
	literal, err := config.Typed(key, text)
	if err != nil {
		m.leftAs(key, from, err.Error())
		return
	}
	m.out.Taken = append(m.out.Taken, Taken{key, literal, from.Place()})
}

func (m *mapper) leftAs(path string, v *pyconf.Value, why string) {
	m.used[v] = true
	m.out.Left = append(m.out.Left, Left{input.Line(path), input.Line(v.Place()), input.Line(why)})
}

// literal is a value as TOML; it is empty for what TOML has not.
func literal(v *pyconf.Value) string {
	switch v.Kind {
	case pyconf.Bool:
		return strconv.FormatBool(v.Num == 1)
	case pyconf.Number:
		if v.Int || v.Num == math.Trunc(v.Num) && math.Abs(v.Num) < 1<<53 {
			return strconv.FormatFloat(v.Num, 'f', -1, 64)
		}
		return strconv.FormatFloat(v.Num, 'g', -1, 64)
	case pyconf.Text:
		return strconv.Quote(v.Text)
	case pyconf.List:
		parts := make([]string, len(v.Items))
		for i, item := range v.Items {
			if parts[i] = literal(item); parts[i] == "" {
				return ""
			}
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return ""
}

// plain takes a value as it is for a key of the same meaning.
func (m *mapper) plain(from, to string) {
	for _, path := range []string{"algorithm.architecture.model." + from, "model.architecture." + from, "model." + from} {
		if v := m.at(path); v != nil && !m.used[v] {
			m.set(to, literal(v), v)
			return
		}
	}
}

// leave lists all values that nothing has taken.
func (m *mapper) leave(v *pyconf.Value, path string) {
	if m.used[v] {
		return
	}
	switch {
	case v.Kind == pyconf.Dict:
		for _, key := range v.Keys() {
			m.leave(v.Get(key), strings.TrimPrefix(path+"."+key, "."))
		}
	case v.Kind == pyconf.List && slices.ContainsFunc(v.Items, func(x *pyconf.Value) bool { return x.Kind == pyconf.Dict }):
		for i, item := range v.Items {
			m.leave(item, fmt.Sprintf("%s.%d", path, i))
		}
	case v.Kind == pyconf.None:
	default:
		m.leftAs(path, v, "")
	}
}
