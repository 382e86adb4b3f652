package stage

// An Answer is what a check says of the observations.
type Answer string

// The answers. Only Met opens a gate: what is unknown, absent, older than the
// phase, or of another object is never met.
const (
	Met     Answer = "met"
	Waiting Answer = "waiting" // not yet; it may become met by itself
	Failed  Answer = "failed"  // it will not become met without somebody's help
	Unknown Answer = "unknown" // the observations do not tell
)

// A Result is the answer of one check of a gate.
type Result struct {
	// Check is the condition, in the gate's words.
	Check  string `json:"check"`
	Answer Answer `json:"answer"`
	// Reason names the object and field that decided.
	Reason string `json:"reason"`
	// Warning is what somebody should look at though the check is met.
	Warning string `json:"warning,omitempty"`
}

// Verdict sums results up: failed if any check has failed, else unknown if any
// is unknown, else waiting, and met only if every check is. No results at all
// are unknown.
func Verdict(results []Result) Answer {
	verdict := Met
	for _, r := range results {
		switch {
		case r.Answer == Failed:
			return Failed
		case r.Answer == Met, verdict == Unknown:
		case r.Answer == Waiting:
			verdict = Waiting
		default:
			verdict = Unknown
		}
	}
	if len(results) == 0 {
		return Unknown
	}
	return verdict
}
