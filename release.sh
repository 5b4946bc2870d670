#!/usr/bin/env bash
# Builds a release, for x86-64 and Arm:
#   gwlbtun-VERSION-linux-{x64,arm64}.tar.gz    one folder: the program with its .NET runtime, hooks, unit, configuration, docs
#   gwlbtun-VERSION-linux-{x64,arm64}.cdx.json  its bill of materials (CycloneDX)
#   SHA256SUMS
#
#   ./release.sh                     into artifacts/release
#   ./release.sh --output DIR        into DIR, which must be empty or new
#   ./release.sh --runtime linux-x64 only for this one; repeatable
#   ./release.sh --allow-dirty       with changes that are not committed; the version tells
#
# The version is the git tag that is checked out, without its v; between tags MinVer counts the commits since the last one. One commit gives the
# same bytes wherever it is built with the same .NET SDK: nothing of the folder, the clock or the user gets in.
set -euo pipefail
export LC_ALL=C TZ=UTC
here=$(cd "$(dirname "$0")" && pwd)
output=$here/artifacts/release runtimes=() allow_dirty=no

fail() { echo "${0##*/}: $*" >&2; exit 1; }
usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; }

while [ $# -gt 0 ]; do
  case $1 in
    --output) output=$(realpath -m "${2:?"$1 needs a folder"}") && shift ;;
    --runtime)
      case ${2:-} in
        linux-x64 | linux-arm64) runtimes+=("$2") && shift ;;
        *) fail "--runtime '${2:-}': there are linux-x64 and linux-arm64." ;;
      esac
      ;;
    --allow-dirty) allow_dirty=yes ;;
    -h | --help) usage && exit ;;
    *) fail "unknown option $1; --help explains them all." ;;
  esac
  shift
done
[ ${#runtimes[@]} != 0 ] || runtimes=(linux-x64 linux-arm64)

cd "$here"
. .ci/tools.sh
need_programs git gzip jq sha256sum tar
need_dotnet_10
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1

git rev-parse --git-dir >/dev/null 2>&1 || fail "this is no git clone: the version comes from its tags."
[ "$(git rev-parse --is-shallow-repository)" = false ] || fail "this clone is shallow, so the last tag may be missing: run git fetch --unshallow --tags."
changes=$(git status --porcelain)
if [ -n "$changes" ] && [ "$allow_dirty" = no ]; then
  fail "there are changes that are not committed, so no commit would give these files again. Commit them, or --allow-dirty.
$changes"
fi
if [ -d "$output" ] && [ -n "$(ls -A "$output")" ]; then
  [ "$output" = "$here/artifacts/release" ] || fail "$output is not empty."
  rm -r "$output"
fi
mkdir -p "$output"

# In the repository's folder, as the compiler leaves out of what it writes where that is; and apart from everything else built here.
work=$here/artifacts/release-work
rm -rf "$work"
trap 'rm -rf "$work"' EXIT
time=$(git log -1 --format=%ct)
# Analyzers are for test.sh. Source link would put the address that the clone came from into the files.
properties=(-p:Configuration=Release -p:ArtifactsPath="$work" -p:ContinuousIntegrationBuild=true -p:RestoreLockedMode=true -p:RunAnalyzers=false -p:EnableSourceLink=false)
project=src/Gwlbtun.Actors/Gwlbtun.Actors.csproj

echo "==> Version"
dotnet restore "$project" -v q "${properties[@]}"
version=$(dotnet msbuild "$project" "${properties[@]}" -t:MinVer -getProperty:MinVerVersion)
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+ ]] || fail "MinVer gives no version: $version"
if [[ $version != *-* ]] && ! grep -qF "## [$version]" CHANGELOG.md; then
  fail "CHANGELOG.md has no section [$version]: give what is unreleased its version, commit, and tag that commit."
fi
if [ -n "$changes" ]; then
  case $version in *-*) version+=.dirty ;; *) version+=-dirty ;; esac
fi
properties+=(-p:MinVerVersionOverride="$version")
echo "gwlbtun $version, of $(git rev-parse HEAD)"

build() {
  local runtime=$1 name=gwlbtun-$version-$1 folder=$work/$1/gwlbtun-$version
  echo "==> $name"
  dotnet publish "$project" -v q "${properties[@]}" -r "$runtime" --self-contained -o "$folder/bin"
  git ls-files -z LICENSE README.md CHANGELOG.md docs example-scripts hocon systemd | xargs -0 cp --parents -t "$folder"
  # As git has them, whatever the umask; and a program in a package need not have come out of it as one.
  find "$folder" -type f ! -path "*/example-scripts/*" -exec chmod 644 {} +
  chmod 755 "$folder"/bin/{gwlbtun,createdump}
  chmod -R u=rwX,go=rX "$folder"
  tar --sort=name --mtime="@$time" --owner=0 --group=0 --numeric-owner -C "$work/$runtime" -c "gwlbtun-$version" | gzip -n >"$output/$name.tar.gz"
  .ci/sbom.sh "$folder/bin" "$runtime" "$version" "$(date -u -d "@$time" +%FT%TZ)" >"$output/$name.cdx.json"
}

for runtime in "${runtimes[@]}"; do build "$runtime"; done
(cd "$output" && sha256sum -- gwlbtun-* >SHA256SUMS)
echo "==> $output"
cat "$output/SHA256SUMS"
