package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChanges(t *testing.T) {
	old, err := Load("tiny", nil)
	if err != nil {
		t.Fatal(err)
	}
	if c := Changes(old, old); len(c) != 0 {
		t.Errorf("a config differs from itself: %v", c)
	}
	now, err := Load("tiny", []string{"search.generations=7", "seed=9", "supernet-pretrain.lr=0.25", "data.detection.short=[64, 80]", "search.constraint.max=123"})
	if err != nil {
		t.Fatal(err)
	}
	var keys, values []string
	for _, c := range Changes(old, now) {
		keys, values = append(keys, c.Key), append(values, c.New)
	}
	if d := cmp.Diff([]string{"seed", "data.detection.short", "supernet-pretrain.lr", "search.generations", "search.constraint.max"}, keys); d != "" {
		t.Errorf("keys (-want +got)\n%s", d)
	}
	if d := cmp.Diff([]string{"9", "[64, 80]", "0.25", "7", "123"}, values); d != "" {
		t.Errorf("values (-want +got)\n%s", d)
	}
}

func TestEffectOf(t *testing.T) {
	training := Position{Begun: true, Step: 2, Running: true, Done: map[int]bool{1: true}}
	searching := Position{Begun: true, Step: 3, Running: true, Done: map[int]bool{1: true, 2: true}}
	stopped := Position{Begun: true, Step: 2, Done: map[int]bool{1: true}}
	for _, tt := range []struct {
		key  string
		at   Position
		want Effect
	}{
		{"seed", Position{}, NextStart},
		{"seed", training, NewRun},
		{"space.preset", training, NewRun},
		{"data.detection.train", training, NewRun},
		{"data.cache_mb", training, NextStart},
		{"threads", training, NextStart},
		{"search.workers", training, NextStart},
		{"supernet-pretrain.lr", training, NewRun},
		{"supernet-finetune.lr", training, Now},
		{"supernet-finetune.lr", stopped, NextStart},
		{"supernet-finetune.on_nan", training, Now},
		{"supernet-finetune.keep_checkpoints", training, Now},
		{"supernet-finetune.nan_lr_factor", stopped, NextStart},
		{"supernet-finetune.batch", training, NewRun},
		{"supernet-finetune.log_every", training, Now},
		{"search.generations", training, NextStep},
		{"search.generations", searching, Now},
		{"search.constraint.max", searching, NewRun},
		{"search.constraint.max", training, NextStep},
		{"subnet-retrain.batch", training, NextStep},
		{"subnet-retrain.batch", searching, NextStep},
		{"supernet-finetune.lr", searching, NewRun},
	} {
		if got := EffectOf(tt.key, tt.at); got != tt.want {
			t.Errorf("%s at %+v: %s, want %s", tt.key, tt.at, got, tt.want)
		}
	}
}

// TestEveryKeyHasAnEffect wants each key to have one of the four words at every
// position, and never to act at once where nothing runs.
func TestEveryKeyHasAnEffect(t *testing.T) {
	for _, key := range schemaOrder() {
		for step := range 6 {
			for _, running := range []bool{false, true} {
				e := EffectOf(key, Position{Begun: true, Step: step, Running: running})
				if e.About() == "" || e == Now && !running {
					t.Errorf("%s at step %d, running %v: %s", key, step, running, e)
				}
			}
		}
	}
}
