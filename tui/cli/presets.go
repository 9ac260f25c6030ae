package cli

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"detnas/configs"
	"detnas/core/config"
	"detnas/tui/progress"
)

func (a *App) presetsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "presets [NAME]", Aliases: []string{"preset"},
		Short:   "List the experiments that come with the program, or print one to copy and change",
		Example: "  detnas presets\n  detnas preset small > mine.toml",
		Args:    cobra.MaximumNArgs(1), ValidArgs: config.Presets(),
		RunE: failing(func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listPresets()
			}
			if !slices.Contains(config.Presets(), args[0]) {
				return usage("there is no preset %q; the presets are %s", args[0], strings.Join(config.Presets(), ", "))
			}
			text, err := presetText(args[0])
			if err != nil {
				return err
			}
			return a.print("%s", text)
		}),
	}
}

func (a *App) listPresets() error {
	var rows []progress.Row
	for _, name := range config.Presets() {
		text, err := presetText(name)
		if err != nil {
			return err
		}
		rows = append(rows, progress.Row{Label: name, Value: firstSentence(text)})
	}
	s := screenOf(a.Out)
	return a.print("%s", progress.Table(rows, s.width(), s.colour()))
}

func presetText(name string) (string, error) {
	text, err := fs.ReadFile(configs.Files, name+".toml")
	if err != nil {
		return "", fmt.Errorf("reading the preset %s: %w", name, err)
	}
	return string(text), nil
}

// firstSentence is the first sentence of the comment that a preset begins with.
func firstSentence(text string) string {
	var words []string
	for l := range strings.Lines(text) {
		comment, ok := strings.CutPrefix(strings.TrimSpace(l), "#")
		if !ok || strings.TrimSpace(comment) == "" {
			break
		}
		words = append(words, strings.TrimSpace(comment))
	}
	sentence, _, _ := strings.Cut(strings.Join(words, " ")+" ", ". ")
	return strings.TrimSuffix(strings.TrimSpace(sentence), ".")
}
