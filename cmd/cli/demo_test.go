package cli

import "testing"

// TestDemo plays examples/expansion as `make demo` does, and compares all that
// it prints with a golden file.
func TestDemo(t *testing.T) {
	atRoot(t)
	readTree(t, "examples/expansion") // Go runs the test anew where it has seen a file change
	said, err := script(t, "examples/expansion/play.sh").CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, said)
	}
	compareFile(t, "golden/expansion/demo.txt", string(said))
}
