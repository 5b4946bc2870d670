#!/usr/bin/env bash
# Prints the bill of materials of a published gwlbtun, in CycloneDX's JSON: every package of the lock file and what of .NET itself comes along.
#   .ci/sbom.sh BIN RUNTIME VERSION TIME    BIN: the folder of the program; TIME: ISO 8601, what it was made of is no newer
# Checksums and licenses are those in NuGet's folder of packages. Scope: required is in BIN; excluded was used to build it.
set -euo pipefail
bin=$1 runtime=$2 version=$3 time=$4
lock=src/Gwlbtun.Actors/packages.lock.json
packages=$(dotnet nuget locals global-packages --list | sed 's/^global-packages: //')

# name, version, scope of each, tab-separated.
list() {
  jq -r --arg runtime "$runtime" --slurpfile deps "$bin/gwlbtun.deps.json" '
    ($deps[0].libraries | keys) as $shipped
    | (.dependencies | .["net10.0"] + .["net10.0/\($runtime)"] | to_entries[] | select(.value.type != "Project")
        | [.key, .value.resolved, (if "\(.key)/\(.value.resolved)" | IN($shipped[]) then "required" else "excluded" end)]),
      ($shipped[] | select(startswith("runtimepack.")) | ltrimstr("runtimepack.") / "/" + ["required"])
    | @tsv' $lock
}

component() {
  local name=$1 version=$2 scope=$3 folder file license hash
  folder=$packages/${name,,}/$version
  file=$folder/${name,,}.$version.nupkg.sha512
  license=$(sed -n 's/.*<license type="expression">\(.*\)<\/license>.*/\1/p' "$folder/${name,,}.nuspec")
  hash=$(base64 -d "$file" | od -An -v -tx1 | tr -d ' \n')
  jq -n --arg name "$name" --arg version "$version" --arg scope "$scope" --arg license "$license" --arg hash "$hash" '
    "pkg:nuget/\($name)@\($version)" as $purl
    | {type: "library", "bom-ref": $purl, name: $name, version: $version, scope: $scope, hashes: [{alg: "SHA-512", content: $hash}],
       licenses: (if $license == "" then [] else [{expression: $license}] end), purl: $purl}'
}

list | sort -u | while IFS=$'\t' read -r name package_version scope; do component "$name" "$package_version" "$scope"; done |
  jq -s --arg version "$version" --arg runtime "$runtime" --arg time "$time" --arg sdk "$(dotnet --version)" --slurpfile lock $lock '
    . as $components
    | (map({key: (.name | ascii_downcase), value: .["bom-ref"]}) | from_entries) as $refs
    | def refs: map($refs[ascii_downcase] | values) | unique;
      ($lock[0].dependencies["net10.0"] | to_entries) as $locked
    | "pkg:generic/gwlbtun@\($version)?runtime=\($runtime)" as $self
    | {bomFormat: "CycloneDX", specVersion: "1.6", version: 1,
       metadata: {timestamp: $time,
         tools: {components: [{type: "application", name: ".NET SDK", version: $sdk}]},
         component: {type: "application", "bom-ref": $self, name: "gwlbtun", version: $version, licenses: [{expression: "MIT-0"}], purl: $self}},
       components: $components,
       dependencies: (
         [{ref: $self, dependsOn: ([$locked[] | select(.value.type == "Direct") | .key] + [$locked[] | select(.value.type == "Project") | .value.dependencies // {} | keys[]]
             + [$components[] | select(.name | contains(".App.Runtime.")) | .name] | refs)}]
         + [$locked[] | select(.value.type != "Project") | {ref: $refs[.key | ascii_downcase], dependsOn: (.value.dependencies // {} | keys | refs)}])}'
