package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
)

// artifact is the engine library for one platform.
type artifact struct {
	pkg          string // npm package
	sha256       string // of libchdb.so
	downloadMB   int    // packed
	installedMB  int    // of libchdb.so
	librarySize  int64  // of libchdb.so, bytes
	libraryInPkg string
}

// artifacts lists the platforms whose library was tested, by GOOS/GOARCH.
var artifacts = map[string]artifact{
	"linux/amd64": {
		pkg:          "@chdb/lib-linux-x64-gnu",
		sha256:       "4330da79405733f7572f27c1442f46c03a08301f00859dce0368645731b1e1dc",
		downloadMB:   167,
		installedMB:  559,
		librarySize:  559044752,
		libraryInPkg: "libchdb.so",
	},
}

// run makes sure that the library is in the cache.
func run(ctx context.Context, out io.Writer) error {
	platform := runtime.GOOS + "/" + runtime.GOARCH
	a, ok := artifacts[platform]
	if !ok {
		return fmt.Errorf("there is no engine library for %s yet; give Tollkeeper the URL of a ClickHouse server instead", platform)
	}
	path, err := clickhouse.CachePath()
	if err != nil {
		return err
	}
	return a.install(ctx, path, installers(), out)
}

// installer gets the locked npm package into dir/node_modules.
type installer interface {
	name() string
	// missing says what has to be there for it to work, "" if all is there.
	missing() string
	install(ctx context.Context, dir string) error
}

func (a artifact) install(ctx context.Context, path string, with []installer, out io.Writer) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("create the cache folder: %w", err)
	}
	unlock, err := lock(filepath.Dir(path), out)
	if err != nil {
		return err
	}
	defer unlock()
	if a.installed(path) {
		_, err := fmt.Fprintf(out, "engine %s is there: %s\n", clickhouse.EngineVersion, path)
		return err
	}
	var chosen installer
	for _, i := range with {
		if chosen == nil && i.missing() == "" {
			chosen = i
		}
	}
	if chosen == nil {
		return a.nothingInstalls(path, with)
	}
	fmt.Fprintf(out, "fetching the ClickHouse engine %s with %s: %d MB to download, %d MB on disk, into %s\n",
		clickhouse.EngineVersion, chosen.name(), a.downloadMB, a.installedMB, filepath.Dir(path))
	dir, err := os.MkdirTemp(filepath.Dir(path), "fetch-")
	if err != nil {
		return fmt.Errorf("create a folder to fetch into: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := writeLock(dir); err != nil {
		return err
	}
	fetched := filepath.Join(dir, "node_modules", filepath.FromSlash(a.pkg), a.libraryInPkg)
	stop := showProgress(out, fetched, a.librarySize)
	err = chosen.install(ctx, dir)
	stop()
	if err != nil {
		return fmt.Errorf("fetch %s with %s: %w", a.pkg, chosen.name(), err)
	}
	return a.accept(fetched, path, out)
}

// accept checks the library's hash and moves it into place.
func (a artifact) accept(fetched, path string, out io.Writer) error {
	got, err := hashFile(fetched)
	if err != nil {
		return fmt.Errorf("check the engine: %w", err)
	}
	if got != a.sha256 {
		return fmt.Errorf("the engine library has sha256 %s, want %s: the package was altered, nothing was installed", got, a.sha256)
	}
	if err := os.Chmod(fetched, 0o600); err != nil {
		return fmt.Errorf("install the engine: %w", err)
	}
	if err := os.Rename(fetched, path); err != nil {
		return fmt.Errorf("install the engine: %w", err)
	}
	if err := os.WriteFile(path+".sha256", []byte(a.sha256+"\n"), 0o600); err != nil {
		return fmt.Errorf("install the engine: %w", err)
	}
	_, err = fmt.Fprintf(out, "engine %s is ready: %s (sha256 checked)\n", clickhouse.EngineVersion, path)
	return err
}

// installed says whether a checked library lies at path.
func (a artifact) installed(path string) bool {
	info, err := os.Stat(path)
	if err != nil || info.Size() != a.librarySize {
		return false
	}
	sum, err := os.ReadFile(path + ".sha256")
	return err == nil && strings.TrimSpace(string(sum)) == a.sha256
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// nothingInstalls is the error with the exact command for each way.
func (a artifact) nothingInstalls(path string, with []installer) error {
	var b strings.Builder
	b.WriteString("no tool to fetch the engine with:\n")
	for _, i := range with {
		fmt.Fprintf(&b, "  %s: %s\n", i.name(), i.missing())
	}
	fmt.Fprintf(&b, "install one of them (Debian: `apt-get install npm` or `apt-get install python3-pip`) and run `make engine` again;\n")
	fmt.Fprintf(&b, "or on another machine: npm pack %s@%s, and copy package/%s out of it to\n  %s\n  then: echo %s > %s.sha256",
		a.pkg, clickhouse.EngineVersion, a.libraryInPkg, path, a.sha256, path)
	return errors.New(b.String())
}

// lock keeps a second fetch waiting, so that two checkouts don't download at once.
func lock(dir string, out io.Writer) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the cache folder: %w", err)
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		fmt.Fprintln(out, "waiting for another fetch of the engine")
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("lock the cache folder: %w", err)
		}
	}
	return func() { _ = f.Close() }, nil
}
