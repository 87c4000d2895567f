// Package config reads Tollkeeper's one YAML file: a section per role, secrets from the environment as ${env:NAME},
// unknown keys refused, and all problems reported at once. Data comes in as a file and goes out as a validated Config;
// it starts nothing.
package config
