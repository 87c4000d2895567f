package apachekafka

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

//go:embed pom.xml
var pom []byte

// classpath fetches the jars, once per process, and returns where they are.
var classpath = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "apachekafka-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	project, list := filepath.Join(dir, "pom.xml"), filepath.Join(dir, "classpath")
	if err := os.WriteFile(project, pom, 0o600); err != nil {
		return "", err
	}
	out, err := exec.Command("mvn", "--quiet", "--batch-mode", "--no-transfer-progress", "--file", project,
		"dependency:build-classpath", "-Dmdep.outputFile="+list).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("fetch Apache Kafka's jars with mvn (apt-get install maven): %w\n%s", err, out)
	}
	text, err := os.ReadFile(list)
	if err != nil {
		return "", fmt.Errorf("fetch Apache Kafka's jars: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
})
