package progress

import (
	"fmt"
	"strings"
	"time"

	"detnas/core/run"
)

// headlines are the metrics that are worth a place in a line, with their words.
var headlines = []struct{ key, words string }{
	{"AP", "AP"},
	{"AP50", "AP50"},
	{"mAP07", "mAP07"},
	{"mAP", "mAP"},
	{"top1", "top-1"},
	{"top5", "top-5"},
	{"loss", "loss"},
	{"best", "best score"},
	{"best_random", "best random"},
	{"evaluated", "candidates"},
	{"batches", "batches"}, // that a rank evaluated
}

// metrics puts a step's headlines in words.
func metrics(values run.Values) string {
	var parts []string
	for _, h := range headlines {
		if v, ok := values[h.key]; ok {
			parts = append(parts, fmt.Sprintf("%s %.4g", h.words, v))
		}
	}
	return strings.Join(parts, ", ")
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// clock writes a duration as 0:07, 12:05, 1:02:03 or 3d 04h.
func clock(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	switch {
	case s < 3600:
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	case s < 2*24*3600:
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%dd %02dh", s/(24*3600), s/3600%24)
}

// count is "1 thread" or "2 threads".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
