"""The addresses of signing in, the same on every host. They come before the console's own."""

from django.urls import include, path

from tenancy.web.sign_in import headless, pages

urlpatterns = [
    path("admin/login/", pages.SignIn.as_view(), name="account_login"),
    path("account/code/", pages.GiveCode.as_view(), name="mfa_authenticate"),
    path("account/confirm/", pages.Confirm.as_view(), name="account_confirm"),
    path("account/second-factor/", pages.SecondFactor.as_view(), name="second_factor"),
    path("account/second-factor/codes/", pages.NewCodes.as_view(), name="second_factor_codes"),
    path("account/second-factor/off/", pages.SwitchOff.as_view(), name="second_factor_off"),
    path("account/sign-out/", pages.SignOut.as_view(), name="sign_out"),
    path("account/password/", pages.ForgotPassword.as_view(), name="forgot_password"),
    path("account/password/<str:link>/", pages.SetPassword.as_view(), name="set_password"),
    path("_allauth/", include(headless)),
]
