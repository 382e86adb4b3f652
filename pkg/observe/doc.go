// Package observe turns what a cluster said into typed observations: objects
// that kubectl printed as JSON, the text of nodetool status, netstats and
// describecluster, and the log of a Cassandra rebuild. It decides nothing;
// gates do, on what stands here.
//
// Everything fails closed. What is not recognised, cut off, ambiguous or of a
// wrong type is a [Problem] and gives no observation; a field that is missing
// is not a field that is zero (see [Opt]). No field holds more of the input
// than a check can read, and a message never repeats a value. An input that holds
// a Kubernetes Secret is refused as a whole, its digest included.
//
// An [Observation] survives JSON: evidence in Git holds what json.Marshal
// writes, and json.Unmarshal accepts nothing else.
package observe
