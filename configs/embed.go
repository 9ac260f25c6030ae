// Package configs holds the presets: complete experiments that come with the
// binary, to run as they are or to copy and change.
package configs

import "embed"

// Files holds one TOML file a preset.
//
//go:embed *.toml
var Files embed.FS
