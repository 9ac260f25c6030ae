package run

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"detnas/tui/common"
	"detnas/tui/styles"
	"detnas/tui/uitest"
)

// TestExportWritesAllMetrics writes tables, and says why where it cannot.
func TestExportWritesAllMetrics(t *testing.T) {
	p, _ := made(t, uitest.Finished, false, styles.Braille)
	said := press(t, p, "E")
	if n, ok := said[0].(common.Notice); !ok || n.Bad || !strings.Contains(n.Text, "exports/metrics.csv and .json") {
		t.Fatalf("%+v", said)
	}
	dir := filepath.Join(p.run.Dir(), "exports")
	text, err := os.ReadFile(filepath.Join(dir, "metrics.csv")) //nolint:gosec // of the test
	if err != nil || !strings.HasPrefix(string(text), "step,name,iteration,of,time,metric,value\n1,supernet-pretrain,") || !strings.Contains(string(text), ",AP,") {
		t.Errorf("%v, %.200s", err, text)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // in the place of the folder
		t.Fatal(err)
	}
	if n, ok := press(t, p, "E")[0].(common.Notice); !ok || !n.Bad || !strings.Contains(n.Text, "exports") {
		t.Errorf("%+v", n)
	}
}
