//! The corpus on disk or embedded: releases, tables, destinations, fixtures.
