package clickhouse

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// EngineVersion names the library release this code was tested with; it is also the folder in the cache.
const EngineVersion = "26.5.3"

// EnvLibrary is the environment variable that names another library file.
const EnvLibrary = "TOLLKEEPER_ENGINE"

// ErrNoLibrary is returned when no engine library is there.
var ErrNoLibrary = errors.New("no engine library")

// CachePath is where `make engine` puts the library: one copy per user, shared by all checkouts.
func CachePath() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache folder: %w (set HOME or XDG_CACHE_HOME)", err)
	}
	return filepath.Join(cache, "tollkeeper", "engine", EngineVersion, "libchdb.so"), nil
}

// FindLibrary returns the path of the engine library: $TOLLKEEPER_ENGINE, else the user's cache folder. The error, if
// there is none, is ErrNoLibrary and says how to get it.
func FindLibrary() (string, error) {
	if path := os.Getenv(EnvLibrary); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("%w: %s names %s: %w", ErrNoLibrary, EnvLibrary, path, err)
		}
		return path, nil
	}
	path, err := CachePath()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w: %w; run `make engine` once (or set %s to a libchdb.so)", ErrNoLibrary, err, EnvLibrary)
	}
	return path, nil
}
