package observe

import (
	"strings"
	"testing"
)

func BenchmarkParse(b *testing.B) {
	all := samples(b)
	inputs := map[string]string{
		"log":    strings.Repeat(string(all["rebuild.log"]), 400),
		"list":   strings.Repeat(string(all["cluster.json"]), 50),
		"status": strings.Repeat(string(all["status-two.txt"]), 400),
	}
	for _, name := range []string{"list", "log", "status"} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(inputs[name])))
			b.ReportAllocs()
			for b.Loop() {
				Parse(name, []byte(inputs[name]))
			}
		})
	}
}
