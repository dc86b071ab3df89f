//go:build !unix

package campaign

import "os/exec"

// ownGroup is for systems whose terminals interrupt all processes at once.
func ownGroup(*exec.Cmd) {}
