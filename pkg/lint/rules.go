package lint

import "slices"

// Rules returns the rules that hold for every system.
func Rules() []Rule {
	return slices.Concat([]Rule{UnusedSilence}, networkRules, ringRules, nodeRules, secretRules)
}
