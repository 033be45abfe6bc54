#!/bin/sh
# Which roles has a new database? PostgreSQL's image runs this once, before the first migration grants them their rights.
set -eu
psql --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --set=password="$LIVERY_API_PASSWORD" <<'SQL'
create role livery_api login password :'password';
SQL
