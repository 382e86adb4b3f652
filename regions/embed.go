// Package regions holds the defaults of each platform that a region can run
// on: one CUE file a platform, data only, each default with its source. The
// keys in brackets resolve in pkg/README.md.
package regions

import "embed"

// FS holds the package's CUE files.
//
//go:embed *.cue
var FS embed.FS
