package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"detnas/core/input"
	"detnas/nas"
)

// Resolved is the config as TOML: the text it was read from, comments and all,
// with overrides and absolute paths in place. Parsing it gives an equal config
// from any folder.
func (c *Config) Resolved() string {
	if c.src == nil {
		return ""
	}
	return c.src.text
}

// PutIn has the config say that its run is in this folder of runs.
func (c *Config) PutIn(runs string) error {
	abs, err := expand(runs)
	if err != nil {
		return err
	}
	if abs != c.Runs && c.src != nil {
		c.src.put("runs", quote(abs))
	}
	c.Runs = abs
	return nil
}

// Title names the experiment: Name, or the file it was read from without its
// ending.
func (c *Config) Title() string {
	if c.Name != "" || c.src == nil {
		return c.Name
	}
	name := filepath.Base(strings.TrimPrefix(c.src.file, "preset "))
	return strings.TrimSuffix(name, ".toml")
}

// Hash is 16 hex digits over every value that bears on the result. Names,
// devices, threads, the other kind of detector and how often something is logged
// or saved do not. Keys that the schema was given later count when they differ from
// their default, so that runs from before have the hash that they had.
func (c *Config) Hash() string {
	values, defaults := c.leaves(), Defaults().leaves()
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(values)) {
		table, _ := cutLast(key)
		usual := reflect.DeepEqual(values[key].Interface(), defaults[key].Interface()) || emptyLists(values[key], defaults[key])
		if !incidental(key) && c.Detector.takes(table) && (!added(key) || !usual) {
			fmt.Fprintf(&b, "%s=%#v\n", key, values[key].Interface())
		}
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:8])
}

// incidental reports whether a key leaves the result as it is.
func incidental(key string) bool {
	switch key {
	case "name", "device", "runs", "threads", "loader_workers", "tensorboard", "data.cache_mb", "data.shapes.dir", "search.reuse", "search.workers":
		return true
	}
	_, name := cutLast(key)
	return slices.Contains([]string{"log_every", "checkpoint_every", "eval_every", "keep_checkpoints"}, name)
}

// added reports whether a key came into the schema after runs were made.
func added(key string) bool {
	switch key {
	case "data.detection.root", "data.detection.names", "data.detection.shares", "search.bn_momentum", "search.method", "search.tournament", "search.cost", "search.load_from", "search.guide",
		"search.constraint.params_min", "search.constraint.params_max",
		"search.constraint.latency_min", "search.constraint.latency_max", "search.constraint.latency_of",
		"search.racing", "search.racing_confidence":
		return true
	}
	_, name := cutLast(key)
	return slices.Contains([]string{
		"on_nan", "nan_lr_factor", "accumulate", "frozen_stages", "warmup", "ema", "ema_warmup",
		"bn_backbone", "bn_neck", "bn_head",
		"precision", "sampling", "sampling_bounds", "sampling_bins",
	}, name)
}

// leaves maps every dotted key to its value.
func (c *Config) leaves() map[string]reflect.Value {
	values := map[string]reflect.Value{}
	var walk func(table string, v reflect.Value)
	walk = func(table string, v reflect.Value) {
		for i := range v.NumField() {
			f := v.Type().Field(i)
			key := joinKey(table, f.Tag.Get("toml"))
			switch {
			case f.Anonymous:
				walk(table, v.Field(i))
			case !f.IsExported():
			case f.Type.Kind() == reflect.Struct:
				walk(key, v.Field(i))
			default:
				values[key] = v.Field(i)
			}
		}
	}
	walk("", reflect.ValueOf(c).Elem())
	return values
}

// paths maps the keys that hold paths to their values.
func (c *Config) paths() map[string]*string {
	d := &c.Data.Detection
	paths := map[string]*string{
		"runs":                        &c.Runs,
		"data.shapes.dir":             &c.Data.Shapes.Dir,
		"data.classification.train":   &c.Data.Classification.Train,
		"data.classification.val":     &c.Data.Classification.Val,
		"data.detection.root":         &d.Root,
		"data.detection.names":        &d.Names,
		"data.detection.images":       &d.Images,
		"data.detection.train_images": &d.TrainImages,
		"data.detection.val_images":   &d.ValImages,
		"data.detection.test_images":  &d.TestImages,
	}
	if d.Format != FormatVOC { // which has lists there
		paths["data.detection.train"], paths["data.detection.val"], paths["data.detection.test"] = &d.Train, &d.Val, &d.Test
	}
	for _, step := range c.training() {
		paths[step.key+".load_from"] = &step.LoadFrom
	}
	paths["search.load_from"] = &c.Search.LoadFrom
	if c.Search.Subnet != "" && !nas.IsShort(c.Search.Subnet) {
		paths["search.subnet"] = &c.Search.Subnet
	}
	return paths
}

// absolute makes every path absolute, in the values and in the text.
func (c *Config) absolute() error {
	paths := c.paths()
	for _, key := range slices.Sorted(maps.Keys(paths)) {
		p := paths[key]
		if *p == "" {
			continue
		}
		abs, err := expand(*p)
		if err != nil {
			return fmt.Errorf("config %s: %s = %q: %w", input.Line(c.src.file), key, clip(*p), err)
		}
		if abs != *p {
			c.src.put(key, quote(abs))
			*p = abs
		}
	}
	return nil
}

// expand turns a path that starts with ~ or is relative to the current folder
// into an absolute one.
func expand(path string) (string, error) {
	if rest, ok := strings.CutPrefix(path, "~"); ok && (rest == "" || rest[0] == filepath.Separator) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("finding the home folder for ~: %w", err)
		}
		path = home + rest
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("finding the current folder: %w", err)
	}
	return abs, nil
}
