"""Capital for credit risk by the internal ratings-based approach: Basel Framework CRE31 and CRE32, formulas as in CRE99. docs/numerics.md §19.

l = loans. PD, LGD and weights are parts of 1; maturity in years, turnover in millions of euros.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ipvalue.backend import kernel
from ipvalue.schema import EXPOSURE_CLASSES

Floats = npt.NDArray[np.float64]
Names = Sequence[str] | npt.NDArray[np.str_]

CLASSES = EXPOSURE_CLASSES

UNSECURED_LGD = 0.45  # Basel II, paragraph 287: senior claims on corporates without recognised collateral
LEAST_PD = 0.0003  # Basel II, paragraph 285
CONFIDENCE = 0.999


def correlation(pd: Floats, exposure_class: Names, turnover: Floats) -> Floats:
    """R, the asset correlation of each loan's class at its PD; its root is the loading on one factor. (l)"""
    classes = np.asarray(exposure_class)
    low, high, speed = (np.where(classes == "other_retail", retail, corporate) for retail, corporate in ((0.03, 0.12), (0.16, 0.24), (35.0, 50.0)))
    g = (1.0 - kernel.elementary("exp", -speed * pd)) / (1.0 - kernel.elementary("exp", -speed))
    found: Floats = low * g + high * (1.0 - g)
    smaller = 0.04 * (1.0 - (np.clip(turnover, 5.0, 50.0) - 5.0) / 45.0)
    return np.where(classes == "sme", found - smaller, found)


def risk_weights(
    pd: Floats,
    lgd: Floats,
    exposure_class: Names,
    maturity: Floats,
    turnover: Floats,
    scaling: float = 1.0,
    floor: float = LEAST_PD,
) -> Floats:
    """Risk weight of each loan, 1.0 being 100 %: 12.5 times the capital for its unexpected loss. (l)

    exposure_class: one of CLASSES for each. scaling: 1.06 is Basel II's, 1 that of Basel III. A PD below `floor` counts as `floor`; of 1, a loan in
    default, the weight is 0: what is expected is provided for.
    """
    pd = np.maximum(pd, floor)
    sound = np.where(pd < 1.0, pd, 0.5)
    r = correlation(sound, exposure_class, turnover)
    certain = float(kernel.elementary("normal_quantile", np.array([CONFIDENCE]))[0])
    worst = kernel.elementary("normal_cdf", (kernel.elementary("normal_quantile", sound) + np.sqrt(r) * certain) / np.sqrt(1.0 - r))
    slope = 0.11852 - 0.05478 * kernel.elementary("log", sound)
    b = slope * slope
    longer = (1.0 + (np.clip(maturity, 1.0, 5.0) - 2.5) * b) / (1.0 - 1.5 * b)
    capital = lgd * (worst - sound) * np.where(np.asarray(exposure_class) == "other_retail", 1.0, longer)
    found: Floats = np.where(pd < 1.0, 12.5 * capital * scaling, 0.0)
    return found
