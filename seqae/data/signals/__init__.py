"""Recordings of machines: tables read from files, their time stamps, and public benchmarks."""
