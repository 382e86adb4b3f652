package system

import (
	"strings"

	"github.com/ringplan/ringplan/pkg/topology"
)

// Kubectl returns a kubectl command for the cluster of a region, which it names
// where the topology does. The arguments are words for a shell.
func Kubectl(r *topology.Region, args ...string) string {
	words := []string{"kubectl"}
	if r.Kubernetes.Context != "" {
		words = append(words, "--context", Quote(r.Kubernetes.Context))
	}
	return strings.Join(append(words, args...), " ")
}

// Quote makes a word safe for a POSIX shell.
func Quote(word string) string {
	if strings.IndexFunc(word, unsafeRune) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func unsafeRune(c rune) bool {
	return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@=", c)
}
