package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// larger is the program that links the libraries.
const larger = "ringplan-charts"

// handedOver is the variable that tells the larger program which one started it.
const handedOver = "RINGPLAN_HANDED_OVER"

// needLibraries makes sure of the libraries: where this program lacks them, the
// larger one takes its place. That returns only if it cannot be started.
func (a *app) needLibraries() error {
	if a.libraries != nil {
		return nil
	}
	program, err := findLarger()
	if err != nil {
		return err
	}
	err = execute(program, append([]string{program}, os.Args[1:]...), append(os.Environ(), handedOver+"="+versionText()))
	return fmt.Errorf("%s cannot be started: %w", program, err)
}

// findLarger looks for the larger program beside this one, and then on the PATH.
func findLarger() (string, error) {
	name := larger
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if own, err := os.Executable(); err == nil {
		if resolved, err := filepath.EvalSymlinks(own); err == nil {
			own = resolved
		}
		beside := filepath.Join(filepath.Dir(own), name)
		if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
			return beside, nil
		}
	}
	program, err := exec.LookPath(name)
	if err != nil {
		return "", errors.New("charts are rendered by " + larger + ", which is neither beside ringplan nor on the PATH: install it with `go install github.com/ringplan/ringplan/cmd/" + larger + "@VERSION`, in the version of ringplan")
	}
	return program, nil
}

// sameVersion refuses to work for a program of another version.
func sameVersion() error {
	if of := os.Getenv(handedOver); of != "" && of != versionText() {
		return fmt.Errorf("%s is not of the version of ringplan: install both of one version\n  ringplan:        %s\n  %s: %s", larger, of, larger, versionText())
	}
	return nil
}
