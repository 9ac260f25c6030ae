package engine

import (
	"context"
	"testing"

	"detnas/core/config"
	"detnas/core/run"
)

func TestTiny(t *testing.T) {
	cfg, err := config.Load("tiny", nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := run.Create(t.TempDir(), "tiny")
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(context.Background(), cfg, f, Options{Version: "test", From: 1, To: 5, Watch: func(e run.Event) { t.Logf("%s %+v", e.Kind(), e) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", r)
}
