import os
import platform

import numpy as np

from seqae.report import describe_environment


def test_the_environment_names_versions_and_machine_but_no_host():
    found = describe_environment()
    assert found["numpy"] == np.__version__
    assert found["python"] == platform.python_version()
    assert found["cores"] == str(os.cpu_count())
    assert found["processor"]
    told = " ".join(found.values())
    assert platform.node() not in told
    assert os.sep + "home" not in told
