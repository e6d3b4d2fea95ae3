# To be sourced: packages of another release of Debian, beside those that are installed.

# Prints the apt-get command that knows only the release $1 and keeps all it has in the directory $2.
apt_of_release() {
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  mkdir -p "$2/lists/partial" "$2/cache/archives/partial"
  : >"$2/status"
  echo "deb [signed-by=$keyring] http://deb.debian.org/debian $1 main" >"$2/sources.list"
  echo "apt-get -q -o Dir::State=$2 -o Dir::State::lists=$2/lists -o Dir::State::status=$2/status" \
    "-o Dir::Cache=$2/cache -o Dir::Etc::SourceList=$2/sources.list -o Dir::Etc::SourceParts=/dev/null" \
    "-o APT::Sandbox::User=root"
}
